"""A process of the service: started, awaited until it is ready, started anew when it dies."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

START_S = 60.0
END_S = 5.0
MAX_RESTARTS = 5
RESTART_WINDOW_S = 60.0

# A forked child would inherit the locks and threads of its parent, and outlive it.
_spawn = multiprocessing.get_context("spawn")


class ServiceError(Exception):
    """The collector could not start or go on; the message names the fix."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the receiver sends when both doors are open: their ports.

    Defined here, so that the service which unpickles it needs none of the receiver's libraries.
    """

    grpc_port: int
    http_port: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """What a process that cannot start sends in place of its ports; `message` says what to do."""

    message: str


class Child:
    """One process; `target(argument, report)` sends what it is ready with, or NotStarted, once."""

    def __init__(self, name: str, target: Callable[[Any, Connection], None]) -> None:
        self.name = name
        self._target = target
        self._starts: deque[float] = deque(maxlen=MAX_RESTARTS + 1)
        self.process: SpawnProcess | None = None

    def start(self, argument: Any) -> Any:
        """Start the process and return what it reports; raises ServiceError if it cannot start."""
        self._starts.append(time.monotonic())
        ours, theirs = _spawn.Pipe(duplex=False)
        self.process = _spawn.Process(
            target=self._target, args=(argument, theirs), name=f"spanscore-{self.name}"
        )
        self.process.start()
        theirs.close()
        with ours:
            return self._await_report(ours)

    def _await_report(self, ours: Connection) -> Any:
        if not ours.poll(START_S):
            raise ServiceError(f"the {self.name} was not ready within {START_S:.0f} s")
        try:
            report = ours.recv()
        except EOFError:
            raise ServiceError(f"the {self.name} ended while it started; see above") from None
        if isinstance(report, NotStarted):
            self._await_end()
            raise ServiceError(report.message)
        return report

    def _await_end(self) -> None:
        """A process that could not start ends by itself; a signal would only disturb it."""
        if self.process is not None:
            self.process.join(END_S)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.is_alive()

    @property
    def dies_too_often(self) -> bool:
        """Whether it was started more than MAX_RESTARTS times within RESTART_WINDOW_S."""
        starts = self._starts
        return len(starts) > MAX_RESTARTS and starts[-1] - starts[0] < RESTART_WINDOW_S

    def ask_to_stop(self) -> None:
        """Ask it to stop, and do not wait; one that was never started need not be asked."""
        if self.process is not None:
            self.process.terminate()

    def end_by(self, deadline_s: float) -> None:
        """Wait for its end, and end it at the deadline (`time.monotonic()`)."""
        if self.process is None:
            return
        self.process.join(max(0.0, deadline_s - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def stop(self, deadline_s: float) -> None:
        """Ask it to stop, and end it at the deadline."""
        self.ask_to_stop()
        self.end_by(deadline_s)


@contextmanager
def told_to_stop(*numbers: signal.Signals) -> Iterator[asyncio.Event]:
    """For what runs in a process, on its event loop: an event that these signals set.

    After the block they are ignored. The process ends then, and an event loop that is about to be
    closed answers a signal with a traceback.
    """
    stopping = asyncio.Event()
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

"""`spanscore serve`: starts the processes, watches them, restarts each alone, stops them all."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection, wait

from . import running
from .child import MAX_RESTARTS, Child, ServiceError
from .config import Settings, reachable
from .forward.cursors import forget_gone, let_go
from .forward.ledger import LedgerError
from .forward.loop import LoopError, check_no_loop
from .inbox import InboxError

STOP_S = 20.0
WATCH_S = 0.5
REST_S = 60.0

_OPTIONAL = {"forwarder": "forwarding", "lake writer": "feeding the lake"}
"""Without these the collector goes on when they die too often: by name, what waits meanwhile."""


class Service:
    """The collector: receiver, store, and if asked for lake writer and forwarder: a process each.

    Each goes on when another dies: the inbox is between them.
    """

    def __init__(self, settings: Settings, *, embedded: bool = False) -> None:
        self._settings = settings
        self._embedded = embedded
        self._store = Child("store", _run_store)
        self._lake = Child("lake writer", _run_lake)
        self._receiver = Child("receiver", _run_receiver)
        self._forwarder = Child("forwarder", _run_forwarder)
        self._rests_until_s: dict[str, float] = {}
        self._stop = threading.Event()
        self._closing = ExitStack()

    def run(self, announce: Callable[[running.Running], None]) -> int:
        """Serve until SIGTERM or SIGINT; `announce` is called once all ports answer.

        Returns the exit code: 0 after a clean stop. Raises ServiceError.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            self._settle_readers()
            for _, start in self._parts():
                start()
            announce(self._leave_note())
            self._watch()
        finally:
            self._shut_down()
        return 0

    def _parts(self) -> list[tuple[Child, Callable[[], None]]]:
        """What runs, in the order of starting: who reads the inbox is there before it is filled."""
        parts: list[tuple[Child, Callable[[], None]]] = []
        if not self._settings.no_db:
            parts.append((self._store, self._start_store))
        if self._settings.lake:
            parts.append((self._lake, self._start_lake))
        parts.append((self._receiver, self._start_receiver))
        if self._settings.forward:
            parts.append((self._forwarder, self._start_forwarder))
        return parts

    def _settle_readers(self) -> None:
        """Keep nothing in the inbox for who does not read it any more."""
        from spanscore.queries.lake.storage import StorageError, canonical

        from .lake.readers import settle

        settings = self._settings
        try:
            url = canonical(settings.lake) if settings.lake else None
            for sentence in settle(settings.inbox, url, with_store=not settings.no_db):
                print(f"spanscore: {sentence}", file=sys.stderr, flush=True)
            forget_gone(settings)
        except (InboxError, LedgerError, StorageError) as error:
            raise ServiceError(str(error)) from None

    def _start_lake(self) -> None:
        self._lake.start(self._settings)

    def _start_store(self) -> None:
        port = self._store.start(self._settings)
        self._settings = _with_ports(self._settings, web=port)

    def _start_receiver(self) -> None:
        started = self._receiver.start(self._settings)
        self._settings = _with_ports(self._settings, grpc=started.grpc_port, http=started.http_port)

    def _start_forwarder(self) -> None:
        """After the doors, so that their ports are known: a destination must not be one of them.

        A forwarder that dies later must not take the collector down: see `_rest`.
        """
        try:
            check_no_loop(self._settings.forward, (self._settings.grpc, self._settings.http))
        except LoopError as error:
            raise ServiceError(str(error)) from error
        self._forwarder.start(self._settings)

    def _leave_note(self) -> running.Running:
        settings = self._settings
        scheme = "https" if settings.tls_cert else "http"
        note = running.Running(
            pid=os.getpid(),
            grpc=f"{scheme}://{reachable(settings.grpc)}",
            http=f"{scheme}://{reachable(settings.http)}",
            web="" if settings.no_db else f"http://{reachable(settings.web)}",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            version=version("spanscore"),
            embedded=self._embedded,
        )
        self._closing.enter_context(note.write(settings.db))
        return note

    def _watch(self) -> None:
        restarts = self._parts()
        while not self._stop.is_set():
            alive = [c.process.sentinel for c, _ in restarts if c.process and c.is_alive]
            wait(alive, timeout=WATCH_S)
            for child, restart in restarts:
                if not child.is_alive and not self._stop.is_set():
                    self._restart(child, restart)

    def _restart(self, child: Child, restart: Callable[[], None]) -> None:
        if child.name in _OPTIONAL:
            self._restart_optional(child, restart)
            return
        if child.dies_too_often:
            raise ServiceError(
                f"the {child.name} died {MAX_RESTARTS} times within a minute; "
                "run `spanscore doctor`, what was acknowledged is on disk"
            )
        print(f"spanscore: the {child.name} died and is started anew", file=sys.stderr, flush=True)
        restart()

    def _restart_optional(self, child: Child, restart: Callable[[], None]) -> None:
        """As the others, but never for good: the collector goes on without it."""
        if time.monotonic() < self._rests_until_s.get(child.name, 0.0):
            return
        has_rested = self._rests_until_s.pop(child.name, None) is not None
        if child.dies_too_often and not has_rested:
            self._rest(child, f"the {child.name} died {MAX_RESTARTS} times within a minute")
            return
        print(f"spanscore: the {child.name} died and is started anew", file=sys.stderr, flush=True)
        try:
            restart()
        except ServiceError as error:
            self._rest(child, str(error))

    def _rest(self, child: Child, reason: str) -> None:
        """Try it again later.

        Until then the inbox keeps nothing for destinations, which can be sent to from the store. A
        lake cannot, so the inbox keeps for it what comes.
        """
        self._rests_until_s[child.name] = time.monotonic() + REST_S
        print(f"spanscore: {reason}; {_OPTIONAL[child.name]} is tried again in {REST_S:.0f} s",
              file=sys.stderr, flush=True)  # fmt: skip
        if child is self._forwarder and not self._settings.no_db:
            with suppress(InboxError, LedgerError):
                let_go(self._settings)

    def _shut_down(self) -> None:
        """The receiver first, so that its readers can take all that was acknowledged."""
        deadline_s = time.monotonic() + STOP_S
        self._receiver.stop(deadline_s - STOP_S / 2)
        self._forwarder.stop(deadline_s - STOP_S / 4)
        for child in (self._store, self._lake):
            child.ask_to_stop()
        for child in (self._store, self._lake):
            child.end_by(deadline_s)
        note = running.find(self._settings.db)
        if note and note.pid == os.getpid():
            running.forget(self._settings.db)
        self._closing.close()


# Each process imports what it needs itself, so that the service that watches them stays small.


def _run_store(settings: Settings, report: Connection) -> None:
    from .store_process import run_store

    run_store(settings, report)


def _run_lake(settings: Settings, report: Connection) -> None:
    from .lake.process import run_lake

    run_lake(settings, report)


def _run_forwarder(settings: Settings, report: Connection) -> None:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from .forward.process import run

    run(settings, report)


def _run_receiver(settings: Settings, report: Connection) -> None:
    # gRPC reports every bad peer on stderr, and looks at this once, when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from .receiver.main import run
    from .receiver_options import receiver_options

    run(receiver_options(settings), report)


def _with_ports(settings: Settings, **ports: int) -> Settings:
    """The same settings with the ports that were really bound, for a restart and for people."""
    bound = {
        name: f"{getattr(settings, name).rpartition(':')[0]}:{port}" for name, port in ports.items()
    }
    return settings.model_copy(update=bound)

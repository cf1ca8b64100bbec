"""The processes of the service: each is told once to stop, and ends without a word."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from spanscore.collector.child import Child, told_to_stop


def note_each_signal(told: Path, ready: Connection) -> None:
    def note(*_: object) -> None:
        with told.open("a") as file:
            file.write("told\n")

    signal.signal(signal.SIGTERM, note)
    ready.send(True)
    while not told.exists():
        time.sleep(0.01)
    time.sleep(0.2)  # in which it could be told again


def test_who_was_asked_to_stop_is_awaited_and_not_asked_again(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child = Child("noting", note_each_signal)
    child.start(told)
    child.ask_to_stop()
    child.end_by(time.monotonic() + 60)
    assert told.read_text().splitlines() == ["told"]


class LoopToldLate(asyncio.SelectorEventLoop):
    """A signal arrives in the moment in which the loop can take none any more."""

    def _close_self_pipe(self) -> None:
        super()._close_self_pipe()  # type: ignore[misc]
        os.kill(os.getpid(), signal.SIGTERM)


async def end_at_once() -> None:
    with told_to_stop(signal.SIGTERM) as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.wait()


def test_a_signal_to_a_process_that_ends_is_not_answered_with_a_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LoopToldLate) as runner:
        runner.run(end_at_once())

"""A process that uses an inbox and dies at a chosen point, or is killed; run as a script.

    inbox_child.py PATH DIE append NAME COUNT  appends pairs; prints "NAME N" for each acknowledged
    inbox_child.py PATH DIE pass READER...     reads two at a time; prints "READER POSITION"

DIE is `never`, or what the process kills itself at: `opcode:N` (the N-th step of SQLite's machine,
so between any two steps of a transaction), `event:N` (the N-th opening, linking or removing of a
file) or `bytes:N` (a write beyond N bytes of a file, so in the middle of a commit).
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.signals import Signal

BODY_BYTES = 40_000
EVENTS = {"open", "os.link", "os.remove", "sqlite3.connect"}


def die_at(point: str) -> None:
    """Arrange for the death that `point` names."""
    kind, _, number = point.partition(":")
    steps_left = int(number or 0)

    def step() -> None:
        nonlocal steps_left
        steps_left -= 1
        if steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    class Dying(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.set_progress_handler(step, 1)

    if kind == "opcode":
        sqlite3.connect = partial(sqlite3.connect, factory=Dying)  # type: ignore[assignment] # only here
    elif kind == "event":
        sys.addaudithook(lambda event, _: step() if event in EVENTS else None)
    elif kind == "bytes":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (steps_left, steps_left))


def pair(name: str, number: int) -> list[Request]:
    """What one append of a child holds: two requests of one name and number."""
    bodies = [f"{name} {number} {half}".encode().ljust(BODY_BYTES, b".") for half in "12"]
    return [Request(Signal.TRACES, "open", number, body) for body in bodies]


def append(inbox: Inbox, name: str, count: int) -> None:
    for number in range(count):
        inbox.append(pair(name, number), {name: 1})
        print(name, number, flush=True)


def pass_all(inbox: Inbox, readers: list[str]) -> None:
    after = {reader: inbox.register(reader) for reader in readers}
    more = True
    while more:
        more = False
        for reader in readers:
            entries = inbox.read(reader, after=after[reader], max_requests=2, max_bytes=1 << 30)
            if entries:
                more = True
                after[reader] = entries[-1].position
                inbox.advance(reader, after[reader])
                print(reader, after[reader], flush=True)


def main() -> None:
    path, point, action, *arguments = sys.argv[1:]
    die_at(point)
    with Inbox(Path(path)) as inbox:
        if action == "append":
            append(inbox, arguments[0], int(arguments[1]))
        else:
            pass_all(inbox, arguments)


if __name__ == "__main__":
    main()

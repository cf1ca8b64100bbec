"""What can still be read of a damaged inbox that was moved aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .inbox import READ, Entry, InboxCorrupt, whole_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MISSES = 1_000_000  # in a row; then the last position itself must be damaged


def salvage(path: Path, tell_lost: Callable[[int], None]) -> Iterator[Entry]:
    """The requests that some reader had still to pass and that are whole, in order.

    Its -wal, if there was one, must lie beside the file. Nothing is changed or deleted. At the end
    `tell_lost` gets how many requests are missing or damaged: positions have no gaps, so this is
    exact unless the readers' own table is lost; then what came before the first whole request is
    not counted. Raises InboxCorrupt when so much is damaged that nothing can be found.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            (last,) = db.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()
        except sqlite3.Error as error:
            raise InboxCorrupt(f"{path}: nothing in this file can be read ({error})") from error
        passed, whole = _passed(db), 0
        for entry in _whole(db, (passed or 0) + 1, last or 0):
            passed = entry.position - 1 if passed is None else passed
            whole += 1
            yield entry
        tell_lost((last or 0) - (passed or 0) - whole)


def _whole(db: sqlite3.Connection, start: int, last: int) -> Iterator[Entry]:
    misses = 0
    while start <= last and misses < _MISSES:
        row = _first(db, start)
        request = whole_request(*row[1:]) if row else None
        if row and request:
            yield Entry(row[0], request)
        misses = 0 if row else misses + 1
        start = max(start, row[0] if row else 0) + 1


def _passed(db: sqlite3.Connection) -> int | None:
    """What every reader has passed; None where that cannot be read."""
    with suppress(sqlite3.Error):
        (position,) = db.execute("SELECT min(position) FROM reader").fetchone()
        return position or 0
    return None


def _first(db: sqlite3.Connection, start: int) -> tuple[Any, ...] | None:
    """The row at `start`, or the next one; None if it cannot be read."""
    with suppress(sqlite3.Error):
        row: tuple[Any, ...] | None = db.execute(READ, (start, 1)).fetchone()
        return row
    return None

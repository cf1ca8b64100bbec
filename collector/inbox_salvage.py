"""What can still be read of a damaged inbox that was moved aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .inbox import READ, Entry, InboxCorrupt, whole_request

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSES = 1_000_000  # in a row; then the last position itself must be damaged


def salvage(path: Path) -> Iterator[Entry]:
    """The requests that some reader had still to pass and that are whole, in order.

    Its -wal, if there was one, must lie beside the file. Nothing is changed or deleted. Raises
    InboxCorrupt when so much is damaged that nothing can be found.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            (last,) = db.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()
        except sqlite3.Error as error:
            raise InboxCorrupt(f"{path}: nothing in this file can be read ({error})") from error
        start, misses = _passed(db) + 1, 0
        while start <= (last or 0) and misses < _MISSES:
            row = _first(db, start)
            request = whole_request(*row[1:]) if row else None
            if row and request:
                yield Entry(row[0], request)
            misses = 0 if row else misses + 1
            start = max(start, row[0] if row else 0) + 1


def _passed(db: sqlite3.Connection) -> int:
    with suppress(sqlite3.Error):
        (position,) = db.execute("SELECT min(position) FROM reader").fetchone()
        return position or 0
    return 0


def _first(db: sqlite3.Connection, start: int) -> tuple[Any, ...] | None:
    """The row at `start`, or the next one; None if it cannot be read."""
    with suppress(sqlite3.Error):
        row: tuple[Any, ...] | None = db.execute(READ, (start, 1)).fetchone()
        return row
    return None

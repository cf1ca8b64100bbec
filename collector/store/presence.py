"""Notices that the database's file was deleted or replaced while it is open."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ..place import place_of
from .query_error import QueryError


class DatabaseGoneError(OSError):
    """The open file is no more the one that its name leads to; the message says what to do."""


class Presence:
    """Whether a path still leads to the file that it led to when this was made.

    A deleted file goes on for whoever has it open, so that rows would be stored and then be gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = place_of(path)

    def check(self) -> None:
        """Raises DatabaseGoneError when the file is gone or another one."""
        now = place_of(self._path)
        if now != self._place:
            what = "deleted" if now is None else "replaced by another file"
            raise DatabaseGoneError(
                f"{self._path} was {what} while the collector runs; put it back, or start the "
                "collector anew: what came since waits in the inbox"
            )

    def cursor(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """A cursor to read with; raises QueryError (gone) when the file is."""
        try:
            self.check()
        except DatabaseGoneError as error:
            message, _, hint = str(error).partition("; ")
            raise QueryError("gone", message, hint=f"{hint[:1].upper()}{hint[1:]}.") from error
        return connection.cursor()

"""A database and an inbox in a folder, with what was put in already loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.store.database import open_database
from spanscore.collector.store.loader import Loader


@dataclass
class Stored:
    """The three parts of a store, and short ways to use them."""

    connection: duckdb.DuckDBPyConnection
    inbox: Inbox
    loader: Loader

    def put(self, *requests: Request) -> None:
        """Append the requests, one transaction, and load them."""
        self.inbox.append(requests)
        self.load()

    def load(self) -> None:
        """Load all that waits."""
        assert self.loader.drain(time.monotonic() + 60), "the loader did not finish in a minute"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        """The only value of a query."""
        [(value,)] = self.ask(sql)
        return value


@contextmanager
def stored(folder: Path) -> Iterator[Stored]:
    """A store under `folder`; opening the same folder again continues it."""
    with Inbox(folder / "s.duckdb.inbox") as inbox:
        connection = open_database(folder / "s.duckdb")
        try:
            yield Stored(connection, inbox, Loader(connection, inbox))
        finally:
            connection.close()

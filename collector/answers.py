"""Asks SQL of a database: through the collector that holds it, or of the file itself."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from . import running
from .client import NotAnsweringError, query_over_http
from .config import Settings
from .inbox import Inbox
from .keys import read_token
from .store.database import DatabaseError, open_database
from .store.loader import Loader
from .store.query import QueryLimits, QueryResult, harden, run_query

LOAD_S = 600.0
"""How long loading what a killed collector left behind may take before a file is read."""

RESTART_S = 15.0
RETRY_S = 0.1
"""A collector whose store is being started anew is asked again for so long, so often."""


def ask(settings: Settings, sql: str) -> QueryResult:
    """Run one reading query and return its whole result; the same answer either way.

    While a collector holds the file it is asked over HTTP. Otherwise the file is opened, and what
    was acknowledged but not loaded yet is loaded first.

    Raises QueryError, DatabaseError, InboxError and ClientError.
    """
    deadline_s = time.monotonic() + RESTART_S
    while collector := running.find(settings.db):
        try:
            return query_over_http(collector.web, read_token(settings.db), sql)
        except NotAnsweringError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(RETRY_S)
    return _ask_file(settings, sql)


def _ask_file(settings: Settings, sql: str) -> QueryResult:
    if not settings.db.exists():
        raise DatabaseError(
            f"{settings.db} does not exist. Start `spanscore serve`, or name the file with --db."
        )
    connection = open_database(settings.db, memory_limit=f"{settings.memory // 1_000_000}MB")
    try:
        _load_left_over(connection, settings.inbox)
        harden(connection)
        limits = QueryLimits(
            seconds=settings.sql_timeout.total_seconds(), rows=settings.sql_max_rows
        )
        return run_query(connection, sql, limits)
    finally:
        connection.close()


def load_waiting(settings: Settings) -> None:
    """Load what waits in the inbox, if no collector does so already."""
    if running.find(settings.db):
        return
    connection = open_database(settings.db, memory_limit=f"{settings.memory // 1_000_000}MB")
    try:
        _load_left_over(connection, settings.inbox)
    finally:
        connection.close()


def _load_left_over(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    if not path.exists():
        return
    with Inbox(path) as inbox:
        Loader(connection, inbox).drain(time.monotonic() + LOAD_S)

"""Asks SQL of a database: through the collector that holds it, or of the file itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from spanscore.queries.lake.storage import is_lake
from spanscore.queries.view import View

from . import running
from .client import NotAnsweringError, query_over_http
from .config import Settings
from .inbox import Inbox
from .keys import read_token
from .lake.opened import OpenLake, open_lake
from .lake.progress import computing
from .own_views import views_of
from .store.database import DatabaseError, open_database
from .store.loader import Loader
from .store.marts import Marts
from .store.query import QueryLimits, QueryResult, harden, run_query

LOAD_S = 600.0
"""How long loading what a killed collector left behind may take before a file is read."""

REFRESH_S = 30.0
"""How long a query waits for the views of runs that are not computed yet."""

LAKE_MEMORY_BYTES = 2_000_000_000
"""What reading a lake may take at least: `memory` is meant for a store beside agents."""

RESTART_S = 15.0
RETRY_S = 0.1
"""A collector whose store is being started anew is asked again for so long, so often."""


def ask(settings: Settings, sql: str) -> QueryResult:
    """Run one reading query and return its whole result; the same answer either way.

    While a collector holds the file it is asked over HTTP. Otherwise the file is opened, and what
    was acknowledged but not loaded yet is loaded first.

    Where `db` is a lake, its files are asked (`lake/opened.py`).

    Raises QueryError, DatabaseError, InboxError, CatalogError, ClientError, StorageError and
    LakeReadError.
    """
    if is_lake(settings.db):
        return _ask_lake(settings, sql)
    deadline_s = time.monotonic() + RESTART_S
    while collector := running.find(settings.db):
        url = web_of(collector, settings.db)
        try:
            return query_over_http(url, read_token(settings.db), sql)
        except NotAnsweringError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(RETRY_S)
    return _ask_file(settings, sql)


def web_of(collector: running.Running, db: Path) -> str:
    """Where a collector answers SQL. Raises DatabaseError for one that keeps no database."""
    if not collector.web:
        raise DatabaseError(
            f"the collector of {db} keeps no database (--no-db); ask its lake: --db URL"
        )
    return collector.web


def _ask_file(settings: Settings, sql: str) -> QueryResult:
    with computed(settings) as connection:
        harden(connection)
        return run_query(connection, sql, _limits(settings))


@contextmanager
def computed(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file, loaded, with the views of its runs up to date. No collector may hold it.

    Raises DatabaseError, InboxError and CatalogError.
    """
    if not settings.db.exists():
        raise DatabaseError(
            f"{settings.db} does not exist. Start `spanscore serve`, or name the file with --db."
        )
    views = views_of(settings)
    with loaded(settings, views) as connection:
        if not Marts(connection, views).refresh_all(within_s=REFRESH_S):
            print(
                "spanscore: the views of runs are not complete yet; ask again, or let "
                "`spanscore serve` compute them",
                file=sys.stderr,
            )
        yield connection


def _ask_lake(settings: Settings, sql: str) -> QueryResult:
    with opened_lake(settings) as lake:
        with computing() as progressed:
            lake.prepare(sql, progressed)
        harden(lake.connection)
        return run_query(lake.connection, sql, _limits(settings))


@contextmanager
def opened_lake(settings: Settings) -> Iterator[OpenLake]:
    """The lake that `db` names; what is missing of it is said.

    Raises StorageError, LakeReadError and CatalogError.
    """
    views = views_of(settings)
    memory_limit = f"{max(settings.memory, LAKE_MEMORY_BYTES) // 1_000_000}MB"
    with open_lake(settings.db, views, memory_limit=memory_limit) as lake:
        if missing := len(lake.snapshot.missing):
            print(
                f"spanscore: {missing} files of {lake.storage.url} are gone, and their rows with "
                "them; `spanscore lake status` names them",
                file=sys.stderr,
            )
        yield lake


def _limits(settings: Settings) -> QueryLimits:
    return QueryLimits(seconds=settings.sql_timeout.total_seconds(), rows=settings.sql_max_rows)


def load_waiting(settings: Settings) -> None:
    """Load what waits in the inbox, if no collector does so already."""
    if not running.find(settings.db):
        with loaded(settings, views_of(settings)):
            pass


def recompute(settings: Settings) -> int:
    """Compute anew what the views say of every run of a file that no collector holds.

    Returns how many runs there are. Raises DatabaseError, InboxError and CatalogError.
    """
    if running.find(settings.db):
        raise DatabaseError(f"a collector holds {settings.db}; stop it first, then recompute")
    if not settings.db.exists():
        raise DatabaseError(f"{settings.db} does not exist; name the file with --db")
    views = views_of(settings)
    with loaded(settings, views) as connection:
        marts = Marts(connection, views)
        marts.mark_all()
        marts.refresh_all()
        [(runs,)] = connection.execute("SELECT count(*) FROM runs").fetchall()
    return int(runs)


@contextmanager
def loaded(settings: Settings, views: Sequence[View]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file, with what waited in the inbox loaded. No collector may hold it.

    Raises DatabaseError, InboxError and CatalogError.
    """
    with open_database(settings.db, memory_limit=settings.memory_limit, views=views) as connection:
        if settings.inbox.exists():
            with Inbox(settings.inbox) as inbox:
                Loader(connection, inbox).drain(time.monotonic() + LOAD_S)
        yield connection

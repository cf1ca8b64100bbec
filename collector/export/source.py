"""Where an export reads from: the collector that holds the database, or the file itself."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from spanscore.queries.lake.storage import is_lake

from .. import running
from ..answers import loaded, opened_lake, web_of
from ..client import stream_over_http
from ..config import Settings
from ..keys import read_token
from ..lake.opened import OpenLake
from ..lake.progress import computing
from ..own_views import views_of
from ..store.database import DatabaseError
from ..store.marts import Marts
from ..store.query_stream import ResultStream

FRESH_S = 30.0
"""How long an export waits for a collector's views of runs to catch up with what it received."""

_POLL_S = 0.2
_STALE = "SELECT count(*) AS n FROM marts.stale_run"


class Batches(Protocol):
    """A result: its schema, and its rows as batches of bounded size, once."""

    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Source(Protocol):
    """What can be asked for whole results, several at a time."""

    def stream(self, sql: str) -> AbstractContextManager[Batches]:
        """The whole result of one reading query. Raises QueryError and ClientError."""

    def make_views_fresh(self) -> bool:
        """Have the views of runs computed as far as data came in; whether they all are."""


def rows(source: Source, sql: str) -> list[dict[str, Any]]:
    """All rows of a small result."""
    with source.stream(sql) as batches:
        return [row for batch in batches for row in batch.to_pylist()]


@contextmanager
def open_source(settings: Settings) -> Iterator[Source]:
    """What `settings.db` names: a lake, or a file, through the collector that holds it if any.

    Raises DatabaseError, InboxError, CatalogError, KeyFileError, StorageError and LakeReadError.
    """
    if is_lake(settings.db):
        with opened_lake(settings) as lake:
            yield _Lake(lake)
        return
    collector = running.find(settings.db)
    if collector:
        yield _Collector(web_of(collector, settings.db), read_token(settings.db))
        return
    if not settings.db.exists():
        raise DatabaseError(
            f"{settings.db} does not exist. Name the file to export from with --db."
        )
    views = views_of(settings)
    with loaded(settings, views) as connection:
        yield _File(connection, Marts(connection, views).refresh_all)


class _File:
    """Read as it is asked for: nobody else waits for this file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, refresh: Callable[[], bool]) -> None:
        self._connection = connection
        self._refresh = refresh

    def stream(self, sql: str) -> AbstractContextManager[Batches]:
        return contextlib.closing(ResultStream(self._connection, sql))

    def make_views_fresh(self) -> bool:
        return self._refresh()


class _Lake:
    """The files as they were when it was opened; it has the views, and no base table."""

    def __init__(self, lake: OpenLake) -> None:
        self._lake = lake

    def stream(self, sql: str) -> AbstractContextManager[Batches]:
        return contextlib.closing(ResultStream(self._lake.connection, sql))

    def make_views_fresh(self) -> bool:
        with computing() as progressed:
            self._lake.compute_runs(progressed)
        return True


class _Collector:
    """Each result goes to a nameless file first, so that no slow reader delays the collector."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._token = token

    @contextmanager
    def stream(self, sql: str) -> Iterator[Batches]:
        with tempfile.TemporaryFile() as spool:
            stream_over_http(self._base_url, self._token, sql, spool)
            spool.seek(0)
            with pa.ipc.open_stream(spool) as reader:
                yield reader

    def make_views_fresh(self) -> bool:
        deadline_s = time.monotonic() + FRESH_S
        while rows(self, _STALE)[0]["n"]:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_POLL_S)
        return True

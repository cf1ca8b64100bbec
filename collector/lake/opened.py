"""A lake opened for questions: public views over its files, views of runs kept in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from spanscore.queries.catalog import needed
from spanscore.queries.engines import duckdb as engine
from spanscore.queries.lake.index import usable
from spanscore.queries.lake.snapshot import FOLDERS, Snapshot, take
from spanscore.queries.lake.storage import Storage, open_storage
from spanscore.queries.view import View

from ..store.marts import BATCH_RUNS, Marts
from . import index

Progressed = Callable[[int, int], None]
"""Called with how many runs are computed, and of how many."""

# Of each run: when it was first heard of, and the times between which all of its rows lie.
_RUN_WINDOWS = """
CREATE OR REPLACE TABLE run_window AS
SELECT
    run_id,
    min(received_ns) AS received_ns,
    min(first_ns) AS first_ns,
    max(last_ns) AS last_ns
FROM (
    SELECT
        run_id,
        first_received_ns AS received_ns,
        least(first_ns, window_start_ns) AS first_ns,
        greatest(last_ns, window_end_ns) AS last_ns
    FROM trace
    UNION ALL
    SELECT
        run_id,
        received_ns,
        coalesce(nullif(time_ns, 0), observed_ns),
        coalesce(nullif(time_ns, 0), observed_ns)
    FROM log_joined
    WHERE coalesce(trace_id, '00000000000000000000000000000000')
        = '00000000000000000000000000000000'
    UNION ALL
    SELECT run_id, received_ns, time_ns, time_ns FROM metric_point_joined
)
WHERE run_id IS NOT NULL
GROUP BY run_id
"""

_WINDOW_OF = """
SELECT coalesce(min(first_ns), 0), coalesce(max(last_ns), 0)
FROM run_window WHERE run_id IN (SELECT unnest($1))
"""


_LISTS = re.compile(r"\b(show|information_schema|duckdb_\w+|pg_\w+)\b", re.IGNORECASE)
"""Of a question that may list the views there are."""


class OpenLake:
    """A lake as of the moment it was opened.

    The views of runs are made when a question names one, and kept until this is closed; what an
    index keeps of them is read instead. One thread at a time uses it.
    """

    def __init__(
        self,
        storage: Storage,
        snapshot: Snapshot,
        connection: duckdb.DuckDBPyConnection,
        views: Sequence[View],
    ) -> None:
        self.storage = storage
        self.snapshot = snapshot
        self.connection = connection
        self._views = views
        self._marts = Marts(connection, views)
        self.kept = self._marts.kept
        self.has_index = usable(snapshot, views)
        resolve = engine.resolve_all
        if self.has_index:
            index.create_old(connection, storage, snapshot, self.kept)
            resolve = index.resolve
        engine.create_public_views(connection, storage, snapshot, resolve)
        self._marts.create()

    def prepare(self, sql: str, progressed: Progressed) -> None:
        """Make what `sql` may read of the views of runs, and let nothing else be read.

        Raises LakeReadError.
        """
        named = None if _LISTS.search(sql) else set(re.findall(r"\w+", sql.lower()))
        asked = needed(self._views, named, through_kept=False)
        self._marts.create_views(view.name for view in asked)
        if self._reads_runs(sql):
            self.compute_runs(progressed)
        self._close_files()

    def compute_runs(self, progressed: Progressed) -> None:
        """Make the views of runs say what is so now."""
        stale = self._stale_runs()
        for start in range(0, len(stale), BATCH_RUNS):
            progressed(start, len(stale))
            # Those of one batch lie near in time.
            batch = stale[start : start + BATCH_RUNS]
            self._read_only_files_of(batch)
            self._marts.compute(batch, time.time_ns())
        if stale:
            self._read_files(self.snapshot.names)
        if self.has_index:
            index.overlay(self.connection, self.kept)
        progressed(len(stale), len(stale))

    def _read_only_files_of(self, run_ids: list[str]) -> None:
        """Let the views read no file of hours in which these runs have nothing.

        Each of the many statements that compute a batch opens every file that its views name.
        """
        [(first_ns, last_ns)] = self.connection.execute(_WINDOW_OF, [run_ids]).fetchall()
        self._read_files(lambda folder: self.snapshot.between(folder, first_ns, last_ns))

    def _read_files(self, names: Callable[[str], list[str]]) -> None:
        for folder in FOLDERS:
            engine.create_raw(self.connection, f"raw_{folder}", self.storage, folder, names(folder))

    def _reads_runs(self, sql: str) -> bool:
        """Whether the text names a view that is computed by run, or one that stands on such."""
        named = {view.name for view in self.kept}
        for view in self._views:  # each after those it reads from
            if view.sources & named:
                named.add(view.name)
        return bool(named & set(re.findall(r"\w+", sql.lower())))

    def _stale_runs(self) -> list[str]:
        """The runs that no index tells of, in the order in which they began, and their times."""
        stale = index.find_stale(self.connection) if self.has_index else []
        if self.has_index and not stale:
            return []
        self.connection.execute(_RUN_WINDOWS)
        if self.has_index:
            return stale
        rows = self.connection.execute(
            "SELECT run_id FROM run_window ORDER BY received_ns, run_id"
        ).fetchall()
        return [run_id for (run_id,) in rows]

    def _close_files(self) -> None:
        """From now on no statement reaches any file but those of the lake."""
        paths = engine.paths(self.storage, self.snapshot)
        if self.has_index:
            paths += index.files(self.storage, self.snapshot, self.kept)
        self.connection.execute("SET allowed_paths = $1", [paths])


@contextmanager
def open_lake(
    place: str | Path | Storage,
    views: Sequence[View],
    *,
    memory_limit: str = "2GB",
    snapshot: Snapshot | None = None,
) -> Iterator[OpenLake]:
    """Open the lake at a folder or s3://BUCKET/PREFIX, as of now or of a snapshot.

    Raises StorageError, LakeReadError and CatalogError.
    """
    storage = open_storage(place) if isinstance(place, str | Path) else place
    snapshot = take(storage) if snapshot is None else snapshot
    with engine.connect(storage, memory_limit=memory_limit) as connection:
        try:
            yield OpenLake(storage, snapshot, connection, views)
        except duckdb.IOException as error:
            raise engine.explained(storage, error) from error

"""A lake opened for questions: public views over its files, views of runs kept in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from spanscore.queries.engines import duckdb as engine
from spanscore.queries.lake.snapshot import Snapshot, take
from spanscore.queries.lake.storage import Storage, open_storage
from spanscore.queries.view import View

from ..store.marts import BATCH_RUNS, Marts

Progressed = Callable[[int, int], None]
"""Called with how many runs are computed, and of how many."""

_RUNS = """
SELECT run_id
FROM (
    SELECT run_id, first_received_ns AS received_ns FROM trace
    UNION ALL
    SELECT run_id, received_ns FROM log_joined
    WHERE coalesce(trace_id, '00000000000000000000000000000000')
        = '00000000000000000000000000000000'
    UNION ALL
    SELECT run_id, received_ns FROM metric_point_joined
)
WHERE run_id IS NOT NULL
GROUP BY run_id
ORDER BY min(received_ns), run_id
"""


class OpenLake:
    """A lake as of the moment it was opened.

    The views of runs are computed when a question names one, and kept until this is closed. One
    thread at a time uses it.
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
        self._marts.create()

    def prepare(self, sql: str, progressed: Progressed) -> None:
        """Compute what `sql` may read of the views of runs, and let nothing else be read.

        Raises LakeReadError.
        """
        if self.reads_runs(sql):
            self.compute(self.runs(), progressed)
        self.close_files()

    def reads_runs(self, sql: str) -> bool:
        """Whether the text names a view that is computed by run, or one that stands on such."""
        kept = {view.name for view in self._views if view.is_kept}
        for view in self._views:  # each after those it reads from
            if view.sources & kept:
                kept.add(view.name)
        return bool(kept & set(re.findall(r"\w+", sql.lower())))

    def runs(self) -> list[str]:
        """Every run of the lake, in the order in which they began."""
        rows = self.connection.execute(_RUNS).fetchall()
        return [run_id for (run_id,) in rows]

    def compute(self, run_ids: Sequence[str], progressed: Progressed) -> None:
        """Compute what the views say of these runs; those of one batch lie near in time."""
        for start in range(0, len(run_ids), BATCH_RUNS):
            progressed(start, len(run_ids))
            self._marts.compute(run_ids[start : start + BATCH_RUNS], time.time_ns())
        progressed(len(run_ids), len(run_ids))

    def close_files(self) -> None:
        """From now on no statement reaches any file but those of the lake."""
        self.connection.execute(
            "SET allowed_paths = $1", [engine.paths(self.storage, self.snapshot)]
        )


@contextmanager
def open_lake(
    place: str | Path, views: Sequence[View], *, memory_limit: str = "2GB"
) -> Iterator[OpenLake]:
    """Open the lake at a folder or s3://BUCKET/PREFIX.

    Raises StorageError, LakeReadError and CatalogError.
    """
    storage = open_storage(place)
    snapshot = take(storage)
    with engine.connect(storage, memory_limit=memory_limit) as connection:
        engine.create_public_views(connection, storage, snapshot)
        try:
            yield OpenLake(storage, snapshot, connection, views)
        except (duckdb.IOException, duckdb.HTTPException) as error:
            raise engine.explained(storage, error) from error

"""Keeps the rows of the catalog's views run by run, so that a question need not read every span.

What a view whose header says `Kept: by run` says of a run depends on that run's spans, logs and
points alone. So its rows are computed once and kept in a table of the schema `marts`, and the view
reads that table. A transaction that stores something for a run marks the run as stale; `refresh`
computes stale runs anew, a few seconds later.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Sequence

import duckdb

from spanscore.queries import catalog
from spanscore.queries.view import CatalogError, View

from . import stale_runs
from .stale_runs import COOL_DOWN_NS

BATCH_RUNS = 500
"""Runs computed at once: some 250,000 spans."""

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS marts",
    "CREATE TABLE IF NOT EXISTS marts.version (fingerprint VARCHAR NOT NULL)",
    # A run that got something new since it was computed; a run may be here several times.
    "CREATE TABLE IF NOT EXISTS marts.stale_run (run_id VARCHAR NOT NULL)",
    "CREATE TABLE IF NOT EXISTS marts.kept_run ("
    "run_id VARCHAR NOT NULL, computed_at_ns BIGINT NOT NULL, spans BIGINT NOT NULL)",
    # Where each trace was when its run was computed: a late id moves a trace to another run.
    "CREATE TABLE IF NOT EXISTS marts.kept_trace ("
    "trace_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL)",
    # Runs that could not be computed, and of which the views say nothing; tried again when
    # something new comes for them and when the file is opened.
    "CREATE TABLE IF NOT EXISTS marts.failed_run ("
    "run_id VARCHAR NOT NULL, failed_at_ns BIGINT NOT NULL, reason VARCHAR NOT NULL)",
)

_OWN_TABLES = ("version", "stale_run", "kept_run", "kept_trace", "failed_run")

# What may be the fault of one run's rows, or of too many rows at once; other faults are raised.
_OF_A_RUN = (
    CatalogError,
    duckdb.DataError,
    duckdb.ProgrammingError,
    duckdb.OutOfMemoryException,
)

_DUE_RUNS = "CREATE OR REPLACE TEMP TABLE due_run AS SELECT unnest(?) AS run_id"

_KEPT_RUNS = "INSERT INTO marts.kept_run SELECT r.run_id, ?, r.spans FROM due_runs AS r"

_KEPT_TRACES = """
INSERT INTO marts.kept_trace
SELECT trace_id, run_id FROM trace WHERE run_id IN (SELECT run_id FROM due_run)
"""

_FAILED = "INSERT INTO marts.failed_run SELECT run_id, ?, ? FROM due_run"

_TRY_AGAIN = "INSERT INTO marts.stale_run SELECT run_id FROM marts.failed_run"

_KEPT_NOTHING = "INSERT INTO marts.kept_run SELECT run_id, ?, 0 FROM due_run"

_SPANS = """
CREATE OR REPLACE TEMP VIEW due_spans AS
SELECT * FROM spans
WHERE run_id IN (SELECT run_id FROM due_run) AND start_ns BETWEEN {first} AND {last}
"""


class Marts:
    """The kept views of one database. `connection` writes, and one thread at a time uses this.

    Call `prepare` once after the database was opened, `mark_received` in the transaction that
    stores rows, and `refresh` now and then, also beside the loader on a connection of its own. A
    kill at any point loses no mark: it is part of the transaction that made it due, and is cleared
    in the one that answers it.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, views: Sequence[View] | None = None
    ) -> None:
        self._connection = connection
        self._views = tuple(catalog.builtin() if views is None else views)
        self._computed = catalog.run_by_run(self._views)
        self.kept = tuple(view for view in self._computed if view.is_kept)
        """The views whose rows are kept."""

    def prepare(self) -> None:
        """Create what is missing; where the views are not those of the file, compute all anew.

        Raises CatalogError for a view that DuckDB does not accept; the file is then as it was.
        """
        for statement in _TABLES:
            self._connection.execute(statement)
        fingerprint = catalog.fingerprint(self._views)
        rows = self._connection.execute("SELECT fingerprint FROM marts.version").fetchall()
        if rows == [(fingerprint,)]:
            self._connection.execute(_TRY_AGAIN)
            return
        self._connection.execute("BEGIN")
        try:
            self._create()
            self.mark_all()
            for table in ("kept_run", "kept_trace", "failed_run"):
                self._connection.execute(f"DELETE FROM marts.{table}")
            self._connection.execute("DELETE FROM marts.version")
            self._connection.execute("INSERT INTO marts.version VALUES (?)", [fingerprint])
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def create(self) -> None:
        """Create the kept views in a connection that keeps none; no run is computed.

        The others, such as those of single dialects, come with `create_views`: to make all takes
        DuckDB seconds.
        """
        for statement in _TABLES:
            self._connection.execute(statement)
        self._create({source for view in self._computed for source in view.sources})

    def create_views(self, names: Iterable[str]) -> None:
        """Create these views, of those that are not kept; they stand on kept ones or on another."""
        wanted = set(names)
        catalog.create_views(
            self._connection,
            [view for view in self._views if view.name in wanted and not view.is_kept],
        )

    def mark_all(self) -> None:
        """Every run is stale."""
        stale_runs.mark_all(self._connection)

    def stale(self) -> int:
        """How many runs wait to be computed."""
        return stale_runs.count(self._connection)

    def refresh(self, *, now_ns: int | None = None, cool_down_ns: int = COOL_DOWN_NS) -> int:
        """Compute the stale runs that are due, at most BATCH_RUNS; how many they were.

        With `cool_down_ns=0` all stale runs are due. A run that DuckDB cannot compute is set aside
        in `marts.failed_run` with the reason, and keeps no other from being computed.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        run_ids = stale_runs.due(
            self._connection, now_ns=now_ns, cool_down_ns=cool_down_ns, limit=BATCH_RUNS
        )
        if run_ids:
            self.compute(run_ids, now_ns)
        return len(run_ids)

    def compute(self, run_ids: Sequence[str], now_ns: int) -> None:
        """Compute these runs now, at most some BATCH_RUNS, whether they are stale or not.

        All at once; if one cannot be computed, by halves, so that only that one is set aside.
        """
        try:
            self._transaction(run_ids, now_ns, failure=None)
        except _OF_A_RUN as error:
            if len(run_ids) == 1:
                self._transaction(run_ids, now_ns, failure=str(error))
                return
            middle = len(run_ids) // 2
            self.compute(run_ids[:middle], now_ns)
            self.compute(run_ids[middle:], now_ns)

    def _transaction(self, run_ids: Sequence[str], now_ns: int, *, failure: str | None) -> None:
        """Replace all rows of these runs; with a `failure` by none.

        It sees the store as of one moment: what the loader commits meanwhile stays marked.
        """
        self._connection.execute("BEGIN")
        try:
            self._connection.execute(_DUE_RUNS, [list(run_ids)])
            if failure is None:
                self._compute()
            self._replace(now_ns, failure)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed COMMIT has ended it already
                self._connection.execute("ROLLBACK")
            raise

    def refresh_all(self, *, within_s: float = float("inf")) -> bool:
        """Compute every stale run now; False if some are left when `within_s` is over."""
        deadline_s = time.monotonic() + within_s
        while self.refresh(cool_down_ns=0):
            if time.monotonic() > deadline_s:
                return False
        return True

    def _create(self, wanted: Collection[str] | None = None) -> None:
        """The kept views, and of the others those in `wanted` that read no run (None: all)."""
        by_run = {view.name for view in self._computed}
        for (name,) in self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts' "
            "AND table_name NOT IN (SELECT unnest(?))",
            [list(_OWN_TABLES)],
        ).fetchall():
            self._connection.execute(f"DROP TABLE marts.{name} CASCADE")
        for view in self._views:
            if view.is_kept:
                columns = ", ".join(f'"{column.name}" {column.type}' for column in view.columns)
                self._connection.execute(f"CREATE TABLE marts.{view.name} ({columns})")
                self._connection.execute(
                    f"CREATE OR REPLACE VIEW {view.name} AS SELECT * FROM marts.{view.name}"
                )
            elif wanted is None or (view.name in wanted and view.name not in by_run):
                catalog.create_views(self._connection, [view])

    def _compute(self) -> None:
        [(first, last)] = self._connection.execute(
            "SELECT coalesce(min(window_start_ns), 0), coalesce(max(window_end_ns), -1) "
            "FROM trace WHERE run_id IN (SELECT run_id FROM due_run)"
        ).fetchall()
        # As constants: only they let DuckDB pass over the blocks of other times.
        self._connection.execute(_SPANS.format(first=first, last=last))
        names = {"spans": "due_spans"}
        for base in ("logs", "metric_points"):
            names[base] = f"due_{base}"
            self._connection.execute(
                f"CREATE OR REPLACE TEMP VIEW due_{base} AS SELECT * FROM {base} "
                "WHERE run_id IN (SELECT run_id FROM due_run)"
            )
        catalog.create_tables(self._connection, self._computed, prefix="due_", names=names)

    def _replace(self, now_ns: int, failure: str | None) -> None:
        for table in (*(view.name for view in self.kept), *_OWN_TABLES[1:]):
            self._connection.execute(
                f"DELETE FROM marts.{table} WHERE run_id IN (SELECT run_id FROM due_run)"
            )
        if failure is not None:
            self._connection.execute(_FAILED, [now_ns, failure])
            self._connection.execute(_KEPT_NOTHING, [now_ns])
            return
        for view in self.kept:
            self._connection.execute(
                f"INSERT INTO marts.{view.name} BY NAME SELECT * FROM due_{view.name}"
            )
        self._connection.execute(_KEPT_RUNS, [now_ns])
        self._connection.execute(_KEPT_TRACES)

"""Keeps the rows of the catalog's views run by run, so that a question need not read every span.

What a view whose header says `Kept: by run` says of a run depends on that run's spans, logs and
points alone. So its rows are computed once and kept in a table of the schema `marts`, and the view
reads that table. A transaction that stores something for a run marks the run as stale; `refresh`
computes stale runs anew, a few seconds later.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence

import duckdb

from spanscore.queries import catalog
from spanscore.queries.view import View

BATCH_RUNS = 500
"""Runs computed at once: some 250,000 spans."""

COOL_DOWN_NS = 2 * 10**9
"""A run that keeps changing is computed anew after this and SPAN_COST_NS for each of its spans."""

SPAN_COST_NS = 100_000

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
)

_ALL_STALE = """
INSERT INTO marts.stale_run
SELECT run_id FROM trace
UNION SELECT run_id FROM log_joined WHERE run_id IS NOT NULL
UNION SELECT run_id FROM stg_points
UNION SELECT run_id FROM marts.kept_run
"""

_RECEIVED = {
    "span": """
    INSERT INTO marts.stale_run
    SELECT DISTINCT run_id FROM trace
    WHERE trace_id IN (SELECT trace_id FROM span WHERE received_ns BETWEEN ? AND ?)
    """,
    "log": """
    INSERT INTO marts.stale_run
    SELECT DISTINCT run_id FROM log_joined
    WHERE received_ns BETWEEN ? AND ? AND run_id IS NOT NULL
    """,
    "metric_point": """
    INSERT INTO marts.stale_run
    SELECT DISTINCT run_id FROM metric_point_joined
    WHERE received_ns BETWEEN ? AND ? AND run_id IS NOT NULL
    """,
}

_MOVED = """
INSERT INTO marts.stale_run
SELECT unnest([k.run_id, t.run_id])
FROM marts.kept_trace AS k JOIN trace AS t USING (trace_id)
WHERE k.run_id <> t.run_id
"""

# A heartbeat that stops is seen by nothing that arrives.
_SILENT = """
INSERT INTO marts.stale_run
SELECT r.run_id
FROM marts.runs AS r JOIN marts.kept_run AS k USING (run_id)
WHERE r.status = 'running' AND k.computed_at_ns < ?
"""

# A run that an instance names takes along the instance's rows that name none, and gives them back
# when the instance names a second run.
_LENT = """
INSERT INTO marts.stale_run
WITH named AS (
    SELECT DISTINCT t.instance_id, k.run_id IS NULL AS is_new
    FROM trace AS t
    JOIN (SELECT DISTINCT run_id FROM marts.stale_run) AS s USING (run_id)
    LEFT JOIN marts.kept_run AS k USING (run_id)
    WHERE t.instance_id IS NOT NULL
)
SELECT run_id FROM marts.kept_run WHERE run_id IN (SELECT instance_id FROM named)
UNION
SELECT t.run_id FROM trace AS t JOIN named AS n USING (instance_id) WHERE n.is_new
"""

# A conversation that is new may end the certainty about what named no run beside it.
_BESIDE = """
INSERT INTO marts.stale_run
SELECT DISTINCT beside.run_id
FROM conversation AS new
JOIN conversation AS beside
    ON beside.service_name = new.service_name
    AND beside.start_ns <= new.end_ns + 5000000000 AND beside.end_ns >= new.start_ns - 5000000000
WHERE new.run_id IN (SELECT run_id FROM marts.stale_run)
    AND new.run_id NOT IN (SELECT run_id FROM marts.kept_run)
    AND beside.run_id IN (SELECT run_id FROM marts.kept_run)
"""

_DUE = """
CREATE OR REPLACE TEMP TABLE due_run AS
SELECT s.run_id, k.run_id IS NOT NULL AS is_kept
FROM (SELECT DISTINCT run_id FROM marts.stale_run) AS s
LEFT JOIN marts.kept_run AS k USING (run_id)
WHERE k.run_id IS NULL OR k.computed_at_ns + ? + k.spans * ? <= ?
ORDER BY k.computed_at_ns NULLS FIRST, s.run_id
LIMIT ?
"""

_SPANS = """
CREATE OR REPLACE TEMP VIEW due_spans AS
SELECT * FROM spans
WHERE run_id IN (SELECT run_id FROM due_run) AND start_ns BETWEEN {first} AND {last}
"""


def mark_received(
    connection: duckdb.DuckDBPyConnection, table: str, first_ns: int, last_ns: int
) -> None:
    """The runs of all that `table` (span, log, metric_point) received in this time are stale.

    Both ends are included.
    """
    connection.execute(_RECEIVED[table], [first_ns, last_ns])


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
        self._kept = tuple(view for view in self._computed if view.is_kept)

    def prepare(self) -> None:
        """Create what is missing; where the views are not those of the file, compute all anew.

        Raises CatalogError for a view that DuckDB does not accept; the file is then as it was.
        """
        for statement in _TABLES:
            self._connection.execute(statement)
        fingerprint = self._fingerprint()
        rows = self._connection.execute("SELECT fingerprint FROM marts.version").fetchall()
        if rows == [(fingerprint,)]:
            return
        self._connection.execute("BEGIN")
        try:
            self._create()
            self._connection.execute("DELETE FROM marts.version")
            self._connection.execute("INSERT INTO marts.version VALUES (?)", [fingerprint])
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def mark_runs(self, run_ids: Sequence[str]) -> None:
        """These runs are stale, such as those that retention has removed."""
        self._connection.execute("INSERT INTO marts.stale_run SELECT unnest(?)", [list(run_ids)])

    def mark_all(self) -> None:
        """Every run is stale."""
        self._connection.execute(_ALL_STALE)

    def stale(self) -> int:
        """How many runs wait to be computed."""
        [(runs,)] = self._connection.execute(
            "SELECT count(DISTINCT run_id) FROM marts.stale_run"
        ).fetchall()
        return int(runs)

    def refresh(self, *, now_ns: int | None = None, cool_down_ns: int = COOL_DOWN_NS) -> int:
        """Compute the stale runs that are due, at most BATCH_RUNS; how many they were.

        One transaction: it sees the store as of one moment, so that what the loader commits
        meanwhile stays marked, and the rows of a run are replaced all at once. With
        `cool_down_ns=0` all stale runs are due.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        self._connection.execute("BEGIN")
        try:
            due = self._refresh(now_ns, cool_down_ns)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed COMMIT has ended it already
                self._connection.execute("ROLLBACK")
            raise
        return due

    def _refresh(self, now_ns: int, cool_down_ns: int) -> int:
        self._connection.execute(_SILENT, [now_ns - 60 * 10**9])
        if not self.stale():
            return 0
        for statement in (_MOVED, _LENT, _BESIDE):
            self._connection.execute(statement)
        span_cost_ns = SPAN_COST_NS if cool_down_ns else 0
        self._connection.execute(_DUE, [cool_down_ns, span_cost_ns, now_ns, BATCH_RUNS])
        [(due, kept)] = self._connection.execute(
            "SELECT count(*), count_if(is_kept) FROM due_run"
        ).fetchall()
        if due:
            self._compute()
            self._replace(now_ns, any_kept=kept > 0)
        return int(due)

    def refresh_all(self, *, within_s: float = float("inf")) -> bool:
        """Compute every stale run now; False if some are left when `within_s` is over."""
        deadline_s = time.monotonic() + within_s
        while self.refresh(cool_down_ns=0):
            if time.monotonic() > deadline_s:
                return False
        return True

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for view in self._views:
            digest.update(repr((view.name, view.is_kept, view.columns, view.select)).encode())
        return digest.hexdigest()

    def _create(self) -> None:
        for (name,) in self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts' "
            "AND table_name NOT IN ('version', 'stale_run', 'kept_run', 'kept_trace')"
        ).fetchall():
            self._connection.execute(f"DROP TABLE marts.{name} CASCADE")
        for view in self._views:
            if view.is_kept:
                columns = ", ".join(f'"{column.name}" {column.type}' for column in view.columns)
                self._connection.execute(f"CREATE TABLE marts.{view.name} ({columns})")
                self._connection.execute(
                    f"CREATE OR REPLACE VIEW {view.name} AS SELECT * FROM marts.{view.name}"
                )
            else:
                catalog.create_views(self._connection, [view])
        self.mark_all()
        self._connection.execute("DELETE FROM marts.kept_run")
        self._connection.execute("DELETE FROM marts.kept_trace")

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

    def _replace(self, now_ns: int, *, any_kept: bool) -> None:
        for view in self._kept:
            if any_kept:
                self._forget(f"marts.{view.name}")
            self._connection.execute(
                f"INSERT INTO marts.{view.name} BY NAME SELECT * FROM due_{view.name}"
            )
        for table in ("kept_run", "kept_trace", "stale_run"):
            self._forget(f"marts.{table}")
        self._connection.execute(
            "INSERT INTO marts.kept_run SELECT r.run_id, ?, r.spans FROM due_runs AS r", [now_ns]
        )
        self._connection.execute(
            "INSERT INTO marts.kept_trace SELECT trace_id, run_id FROM trace "
            "WHERE run_id IN (SELECT run_id FROM due_run)"
        )

    def _forget(self, table: str) -> None:
        self._connection.execute(
            f"DELETE FROM {table} WHERE run_id IN (SELECT run_id FROM due_run)"
        )

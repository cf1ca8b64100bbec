"""Which runs got something new since what the views say of them was computed.

A run is marked in `marts.stale_run` in the transaction that stores something for it. What moves
rows from one run to another without storing anything is found here, by comparing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb

COOL_DOWN_NS = 2 * 10**9
"""A run that keeps changing is computed anew after this and SPAN_COST_NS for each of its spans."""

SPAN_COST_NS = 100_000

SILENT_NS = 60 * 10**9
"""A run without a heartbeat for so long is interrupted."""

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
    WHERE trace_id IN (
        SELECT trace_id FROM span
        WHERE received_ns BETWEEN ? AND ? AND received_ns IN (SELECT unnest(?))
    )
    """,
    "log": """
    INSERT INTO marts.stale_run
    SELECT DISTINCT run_id FROM log_joined
    WHERE received_ns BETWEEN ? AND ? AND received_ns IN (SELECT unnest(?))
        AND run_id IS NOT NULL
    """,
    "metric_point": """
    INSERT INTO marts.stale_run
    SELECT DISTINCT run_id FROM metric_point_joined
    WHERE received_ns BETWEEN ? AND ? AND received_ns IN (SELECT unnest(?))
        AND run_id IS NOT NULL
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
SELECT s.run_id
FROM (SELECT DISTINCT run_id FROM marts.stale_run) AS s
LEFT JOIN marts.kept_run AS k USING (run_id)
WHERE k.run_id IS NULL OR k.computed_at_ns + ? + k.spans * ? <= ?
ORDER BY k.computed_at_ns NULLS FIRST, s.run_id
LIMIT ?
"""


def mark_received(
    connection: duckdb.DuckDBPyConnection, table: str, received_ns: Collection[int]
) -> None:
    """The runs of all that `table` (span, log, metric_point) received at these times are stale."""
    # The ends as constants of their own: only they let DuckDB pass over the blocks of other times.
    times = [min(received_ns), max(received_ns), list(received_ns)]
    connection.execute(_RECEIVED[table], times)


def mark_runs(connection: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """These runs are stale."""
    connection.execute("INSERT INTO marts.stale_run SELECT unnest(?)", [list(run_ids)])


def mark_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Every run that there is or was is stale."""
    connection.execute(_ALL_STALE)


def count(connection: duckdb.DuckDBPyConnection) -> int:
    """How many runs are stale."""
    [(runs,)] = connection.execute("SELECT count(DISTINCT run_id) FROM marts.stale_run").fetchall()
    return int(runs)


def due(
    connection: duckdb.DuckDBPyConnection, *, now_ns: int, cool_down_ns: int, limit: int
) -> list[str]:
    """The stale runs to compute now, those first that wait longest, at most `limit`.

    Marks what moved before. With `cool_down_ns=0` no run is left to cool down.
    """
    connection.execute(_SILENT, [now_ns - SILENT_NS])
    if not count(connection):
        return []
    for statement in (_MOVED, _LENT, _BESIDE):
        connection.execute(statement)
    span_cost_ns = SPAN_COST_NS if cool_down_ns else 0
    rows = connection.execute(_DUE, [cool_down_ns, span_cost_ns, now_ns, limit]).fetchall()
    return [run_id for (run_id,) in rows]

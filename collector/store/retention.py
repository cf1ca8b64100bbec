"""Removes whole runs by age and by size; pinned runs stay."""

from __future__ import annotations

import time

import duckdb

STEP = 200
"""Runs removed in one transaction, so that the loader never waits long."""

MAX_STEPS = 20
"""Steps of one call; what is left is removed a minute later."""

_OLDEST = """
SELECT run_id, max(last_ns) AS last_ns
FROM (
    SELECT t.run_id, max(s.received_ns) AS last_ns
    FROM span AS s JOIN trace AS t USING (trace_id) GROUP BY t.run_id
    UNION ALL
    SELECT run_id, max(received_ns) FROM log_joined GROUP BY run_id
    UNION ALL
    SELECT run_id, max(received_ns) FROM metric_point_joined GROUP BY run_id
)
WHERE run_id IS NULL OR run_id NOT IN (SELECT run_id FROM pinned_run)
GROUP BY run_id
HAVING max(last_ns) < ?
ORDER BY last_ns
LIMIT ?
"""

_REMOVE = (
    """DELETE FROM log WHERE rowid IN
       (SELECT row_id FROM log_joined WHERE run_id IN (SELECT unnest(?)))""",
    """DELETE FROM metric_point WHERE rowid IN
       (SELECT row_id FROM metric_point_joined WHERE run_id IN (SELECT unnest(?)))""",
    """DELETE FROM span WHERE trace_id IN
       (SELECT trace_id FROM trace WHERE run_id IN (SELECT unnest(?)))""",
    "DELETE FROM trace WHERE run_id IN (SELECT unnest(?))",
    "DELETE FROM conversation WHERE run_id IN (SELECT unnest(?))",
)

_REMOVE_RUNLESS = (
    """DELETE FROM log WHERE rowid IN
       (SELECT row_id FROM log_joined WHERE run_id IS NULL AND received_ns < ?)""",
    """DELETE FROM metric_point WHERE rowid IN
       (SELECT row_id FROM metric_point_joined WHERE run_id IS NULL AND received_ns < ?)""",
)


def apply(
    connection: duckdb.DuckDBPyConnection,
    *,
    max_age_s: float | None,
    max_bytes: int | None,
) -> int:
    """Remove runs that ended over `max_age_s` ago, then the oldest above `max_bytes`.

    A run's age is the time since its newest row was received; rows that belong to no run age one by
    one. The size is that of the blocks in use in the file. Space is reused by what comes later;
    `spanscore doctor --compact` gives it back. Returns how many runs were removed.
    """
    removed = 0
    if max_age_s is not None:
        removed += _remove_older(connection, time.time_ns() - int(max_age_s * 1e9))
    if max_bytes is not None:
        removed += _remove_above(connection, max_bytes)
    return removed


def _remove_older(connection: duckdb.DuckDBPyConnection, before_ns: int) -> int:
    removed = 0
    for _ in range(MAX_STEPS):
        runs = _oldest(connection, before_ns, STEP)
        if not runs:
            break
        _remove(connection, runs)
        removed += len(runs)
    for statement in _REMOVE_RUNLESS:
        connection.execute(statement, [before_ns])
    return removed


def _remove_above(connection: duckdb.DuckDBPyConnection, max_bytes: int) -> int:
    removed = 0
    for _ in range(MAX_STEPS):
        used_bytes = used(connection)
        if used_bytes <= max_bytes:
            break
        share = 1 - max_bytes / used_bytes
        runs = _oldest(connection, time.time_ns(), _how_many(connection, share))
        if not runs:
            break
        _remove(connection, runs)
        connection.execute("CHECKPOINT")
        removed += len(runs)
    return removed


def _how_many(connection: duckdb.DuckDBPyConnection, share: float) -> int:
    [(runs,)] = connection.execute("SELECT count(DISTINCT run_id) FROM trace").fetchall()
    return max(1, min(STEP, int(runs * share)))


def used(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes of the file's blocks in use and of its WAL."""
    [(used_bytes,)] = connection.execute(
        "SELECT used_blocks * block_size FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchall()
    return int(used_bytes)


def _oldest(connection: duckdb.DuckDBPyConnection, before_ns: int, limit: int) -> list[str]:
    rows = connection.execute(_OLDEST, [before_ns, limit]).fetchall()
    return [run_id for run_id, _ in rows if run_id is not None]


def _remove(connection: duckdb.DuckDBPyConnection, runs: list[str]) -> None:
    connection.execute("BEGIN")
    try:
        for statement in _REMOVE:
            connection.execute(statement, [runs])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def pin(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Keep a run whatever its age; pinning twice is no error."""
    connection.execute(
        "INSERT INTO pinned_run SELECT ?, now()::TIMESTAMP "
        "WHERE ? NOT IN (SELECT run_id FROM pinned_run)",
        [run_id, run_id],
    )


def unpin(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Let retention remove the run again; one that is not pinned is no error."""
    connection.execute("DELETE FROM pinned_run WHERE run_id = ?", [run_id])

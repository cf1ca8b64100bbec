"""Removes whole runs by age and by size; pinned runs stay."""

from __future__ import annotations

import time

import duckdb

STEP = 200
"""Runs removed in one transaction, so that the loader never waits long."""

MAX_STEPS = 20
"""Steps of one call; what is left is removed a minute later."""

_OLDEST = """
SELECT run_id, max(last_ns) AS last_ns, CAST(sum(n) AS BIGINT) AS n
FROM (
    SELECT t.run_id, max(s.received_ns) AS last_ns, count(*) AS n
    FROM span AS s JOIN trace AS t USING (trace_id) GROUP BY t.run_id
    UNION ALL
    SELECT run_id, max(received_ns), count(*) FROM log_joined GROUP BY run_id
    UNION ALL
    SELECT run_id, max(received_ns), count(*) FROM metric_point_joined GROUP BY run_id
)
WHERE run_id NOT IN (SELECT run_id FROM pinned_run)
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
    "INSERT INTO marts.stale_run SELECT unnest(?)",
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
    if not _anything_before(connection, before_ns):
        return removed
    for _ in range(MAX_STEPS):
        runs = [run_id for run_id, _, _ in _oldest(connection, before_ns)]
        if not runs:
            break
        _remove(connection, runs)
        removed += len(runs)
    for statement in _REMOVE_RUNLESS:
        connection.execute(statement, [before_ns])
    return removed


def _anything_before(connection: duckdb.DuckDBPyConnection, before_ns: int) -> bool:
    """Whether any row is old enough; nearly always not, and then nothing needs to be grouped."""
    [(found,)] = connection.execute(
        "SELECT least((SELECT min(received_ns) FROM span), (SELECT min(received_ns) FROM log), "
        "(SELECT min(received_ns) FROM metric_point)) < ?",
        [before_ns],
    ).fetchall()
    return bool(found)


def _remove_above(connection: duckdb.DuckDBPyConnection, max_bytes: int) -> int:
    removed = 0
    for _ in range(MAX_STEPS):
        rows, size_bytes = _live(connection)
        if size_bytes <= max_bytes:
            break
        too_many = rows * (1 - max_bytes / size_bytes)
        runs = []
        for run_id, _, n in _oldest(connection, time.time_ns()):
            if too_many <= 0:
                break
            runs.append(run_id)
            too_many -= n
        if not runs:
            break
        _remove(connection, runs)
        removed += len(runs)
    if removed:
        connection.execute("CHECKPOINT")
    return removed


def _live(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Rows that are not deleted, and their share of the blocks in use.

    A removed row keeps its place until its whole row group is empty or merged, so the blocks alone
    would have the next run removed, and the next, for space that is free already.
    """
    live = stored = 0
    for table in ("span", "log", "metric_point"):
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        [(in_groups,)] = connection.execute(
            f"SELECT coalesce(sum(count), 0) FROM pragma_storage_info('{table}') "
            "WHERE column_name = 'received_ns' AND segment_type = 'BIGINT'"
        ).fetchall()
        live += rows
        stored += max(rows, in_groups)
    return live, int(used(connection) * live / stored) if stored else 0


def used(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes of the file's blocks in use."""
    [(used_bytes,)] = connection.execute(
        "SELECT used_blocks * block_size FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchall()
    return int(used_bytes)


def _oldest(connection: duckdb.DuckDBPyConnection, before_ns: int) -> list[tuple[str, int, int]]:
    """Of at most STEP runs that ended before: run_id, its newest row's time, its rows."""
    return connection.execute(_OLDEST, [before_ns, STEP]).fetchall()


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

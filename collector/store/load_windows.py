"""When the rows of each position of the inbox were received: written by the loader, merged here."""

from __future__ import annotations

import duckdb

MERGE_ABOVE = 10_000
"""Rows in `load_window` from which on old ones are merged by the hour."""

_HOUR_NS = 3600 * 10**9

_MERGE = (
    f"""CREATE OR REPLACE TEMP TABLE merged AS
       SELECT
           inbox, max(last_position), min(min_received_ns), max(max_received_ns),
           CAST(sum(rows) AS BIGINT)
       FROM load_window WHERE max_received_ns < $1
       GROUP BY inbox, max_received_ns // {_HOUR_NS}""",
    "DELETE FROM load_window WHERE max_received_ns < $1",
    "INSERT INTO load_window SELECT * FROM merged",
    "DROP TABLE merged",
)


def merge(connection: duckdb.DuckDBPyConnection, before_ns: int) -> None:
    """Merge windows that ended before by the hour, if there are many; none is lost."""
    [(rows,)] = connection.execute(
        "SELECT count(*) FROM load_window WHERE max_received_ns < $1", [before_ns]
    ).fetchall()
    if rows < MERGE_ABOVE:
        return
    connection.execute("BEGIN")
    try:
        for statement in _MERGE:
            connection.execute(statement, [before_ns] if "$1" in statement else None)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

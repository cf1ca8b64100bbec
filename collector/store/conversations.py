"""When each session of a service began and ended: what names no run is placed in time by it."""

from __future__ import annotations

import duckdb
import pyarrow as pa

MERGE_ABOVE = 10_000
"""Rows in `conversation` from which on those of one session are made one."""

_MERGE = (
    """CREATE OR REPLACE TEMP TABLE merged AS
       SELECT service_name, run_id, min(start_ns) AS start_ns, max(end_ns) AS end_ns
       FROM conversation GROUP BY service_name, run_id""",
    "DELETE FROM conversation",
    "INSERT INTO conversation SELECT * FROM merged",
    "DROP TABLE merged",
)


# Rows are added and never changed: an update would cost more than all else in a small batch.
_OF_TRACES = """
INSERT INTO conversation
SELECT
    t.service_name, t.run_id, min(least(a.first_ns, t.start_ns)), max(greatest(a.last_ns, t.end_ns))
FROM sessions AS a JOIN trace AS t USING (trace_id)
WHERE t.run_id_source = 'session' AND t.service_name IS NOT NULL AND a.first_ns > 0
GROUP BY t.service_name, t.run_id
"""

_OF_SESSIONS = "INSERT INTO conversation SELECT * FROM sessions"


def of_traces(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> None:
    """Add what arrived of the sessions of these traces (`arrivals.by_trace`, remembered)."""
    _add(connection, arrived, _OF_TRACES)


def of_sessions(connection: duckdb.DuckDBPyConnection, sessions: pa.Table) -> None:
    """Add what arrived of sessions without a trace (`arrivals.by_session`)."""
    _add(connection, sessions, _OF_SESSIONS)


def _add(connection: duckdb.DuckDBPyConnection, rows: pa.Table, statement: str) -> None:
    if not rows.num_rows:
        return
    connection.register("sessions", rows)
    try:
        connection.execute(statement)
    finally:
        connection.unregister("sessions")


def merge(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the rows of one session one, if there are many; changes no answer."""
    [(rows, sessions)] = connection.execute(
        "SELECT count(*), count(DISTINCT (service_name, run_id)) FROM conversation"
    ).fetchall()
    if rows < MERGE_ABOVE or rows < 2 * sessions:
        return
    connection.execute("BEGIN")
    try:
        for statement in _MERGE:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

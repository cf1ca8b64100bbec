"""When each session of a service began and ended: what names no run is placed in time by it."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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

SESSION_COUNTERS = ["continue_cli_session_count"]
"""Metrics of agents that send nothing else and name no session: one process counts one, from its
start, before anything else is counted."""

_OF_COUNTERS = """
INSERT INTO conversation
SELECT
    r.service_name, concat(r.service_name, '-', s.start_ns), s.start_ns, max(s.time_ns)
FROM sessions AS s JOIN resource AS r USING (resource_id)
WHERE r.service_name IS NOT NULL AND s.start_ns > 0 AND coalesce(
    r.run_id, s.spanscore_run_id, s.attribute_session_id, s.conversation_id,
    s.gen_ai_conversation_id, r.session_id, r.service_instance_id, r.opencode_run
) IS NULL
GROUP BY r.service_name, s.start_ns
"""


def of_traces(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> None:
    """Add what arrived of the sessions of these traces (`arrivals.by_trace`, remembered)."""
    _add(connection, arrived, _OF_TRACES)


def of_sessions(connection: duckdb.DuckDBPyConnection, sessions: pa.Table) -> None:
    """Add what arrived of sessions without a trace (`arrivals.by_session`)."""
    _add(connection, sessions, _OF_SESSIONS)


def of_counters(connection: duckdb.DuckDBPyConnection, points: pa.Table) -> None:
    """Add the sessions that these data points count, where nothing else tells of one."""
    counted = pc.is_in(points["name"], value_set=pa.array(SESSION_COUNTERS))
    _add(connection, points.filter(counted), _OF_COUNTERS)


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

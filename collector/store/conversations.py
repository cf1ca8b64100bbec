"""When each session of a service began and ended: what names no run is placed in time by it."""

from __future__ import annotations

import duckdb
import pyarrow as pa

_OF_TRACES = """
SELECT
    t.service_name, t.run_id, least(a.start_ns, t.start_ns) AS start_ns,
    greatest(a.end_ns, t.end_ns) AS end_ns
FROM arrived AS a JOIN trace AS t USING (trace_id)
WHERE t.run_id_source = 'session' AND t.service_name IS NOT NULL AND a.start_ns > 0
"""

_OF_LOGS = """
SELECT
    r.service_name,
    coalesce(
        i.attribute_session_id, i.conversation_id, i.gen_ai_conversation_id, r.session_id
    ) AS run_id,
    coalesce(nullif(i.time_ns, 0), nullif(i.observed_ns, 0)) AS start_ns,
    coalesce(nullif(i.time_ns, 0), nullif(i.observed_ns, 0)) AS end_ns
FROM arrived AS i JOIN resource AS r USING (resource_id)
WHERE r.run_id IS NULL AND i.spanscore_run_id IS NULL
"""

_GROUPED = """
SELECT service_name, run_id, min(start_ns) AS start_ns, max(end_ns) AS end_ns
FROM ({rows})
WHERE service_name IS NOT NULL AND run_id IS NOT NULL AND start_ns > 0
GROUP BY service_name, run_id
"""

_UPDATE = """
UPDATE conversation SET
    start_ns = least(conversation.start_ns, n.start_ns),
    end_ns = greatest(conversation.end_ns, n.end_ns)
FROM grown AS n
WHERE conversation.service_name = n.service_name AND conversation.run_id = n.run_id
    AND (n.start_ns < conversation.start_ns OR n.end_ns > conversation.end_ns)
"""

_INSERT = """
INSERT INTO conversation
SELECT service_name, run_id, start_ns, end_ns
FROM grown ANTI JOIN conversation USING (service_name, run_id)
"""


def grow_by_traces(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> None:
    """Let the sessions of these traces (rows of `traces.arrived`, remembered already) grow."""
    _grow(connection, arrived, _OF_TRACES)


def grow_by_logs(connection: duckdb.DuckDBPyConnection, logs: pa.Table) -> None:
    """Let the sessions that decoded log records name grow; their resources are stored already."""
    _grow(connection, logs, _OF_LOGS)


def _grow(connection: duckdb.DuckDBPyConnection, rows: pa.Table, select: str) -> None:
    connection.register("arrived", rows)
    try:
        grown = connection.sql(_GROUPED.format(rows=select)).to_arrow_table()
    finally:
        connection.unregister("arrived")
    if not grown.num_rows:
        return
    connection.register("grown", grown)
    try:
        connection.execute(_UPDATE)
        connection.execute(_INSERT)
    finally:
        connection.unregister("grown")

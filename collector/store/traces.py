"""Which run a trace belongs to: kept per trace, so that a late id moves the whole trace.

The order of the design: the run id on the resource (harness before agent), a session id on any
span, log or resource of the trace, the instance id of the service, the trace id. A service
instance whose traces name exactly one session lends it to its other traces.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from .duplicates import WINDOW_NS

_ARRIVED = """
SELECT
    i.trace_id,
    min(i.received_ns) AS received_ns,
    CASE WHEN min({start_ns}) > -{far} THEN (min({start_ns}) // {window} - 1) * {window}
        WHEN min({start_ns}) IS NOT NULL THEN -{last} END AS window_start_ns,
    CASE WHEN max({start_ns}) < {far} THEN (max({start_ns}) // {window} + 1) * {window}
        WHEN max({start_ns}) IS NOT NULL THEN {last} END AS window_end_ns,
    coalesce(
        min(coalesce(r.run_id, i.spanscore_run_id)) FILTER (i.origin IN ('harness', 'import')),
        min(coalesce(r.run_id, i.spanscore_run_id))
    ) AS own_run_id,
    coalesce(bool_or(
        i.origin IN ('harness', 'import') AND coalesce(r.run_id, i.spanscore_run_id) IS NOT NULL
    ), false) AS own_run_trusted,
    min(coalesce(
        i.attribute_session_id, i.conversation_id, i.gen_ai_conversation_id, r.session_id
    )) AS session_id,
    min(coalesce(r.service_instance_id, r.opencode_run)) AS instance_id,
    min(r.service_name) AS service_name
FROM incoming AS i
JOIN resource AS r USING (resource_id)
WHERE i.trace_id <> '00000000000000000000000000000000'
GROUP BY i.trace_id
"""

_WINDOWS = """
SELECT t.trace_id, t.window_start_ns, t.window_end_ns
FROM trace AS t SEMI JOIN arrived AS a USING (trace_id)
"""

_INSERT = """
INSERT INTO trace
SELECT
    trace_id, received_ns, window_start_ns, window_end_ns, own_run_id, own_run_trusted,
    session_id, instance_id, service_name,
    coalesce(own_run_id, session_id, instance_id, trace_id),
    CASE WHEN own_run_id IS NOT NULL THEN 'run' WHEN session_id IS NOT NULL THEN 'session'
        WHEN instance_id IS NOT NULL THEN 'instance' ELSE 'trace' END
FROM arrived ANTI JOIN trace USING (trace_id)
"""

_UPDATE = """
UPDATE trace SET
    window_start_ns = least(trace.window_start_ns, a.window_start_ns),
    window_end_ns = greatest(trace.window_end_ns, a.window_end_ns),
    own_run_id = CASE WHEN a.own_run_trusted AND NOT trace.own_run_trusted
        THEN a.own_run_id ELSE coalesce(trace.own_run_id, a.own_run_id) END,
    own_run_trusted = trace.own_run_trusted OR a.own_run_trusted,
    session_id = coalesce(trace.session_id, a.session_id),
    instance_id = coalesce(trace.instance_id, a.instance_id),
    service_name = coalesce(trace.service_name, a.service_name)
FROM arrived AS a
WHERE trace.trace_id = a.trace_id AND (
    a.window_start_ns < coalesce(trace.window_start_ns, a.window_start_ns + 1)
    OR a.window_end_ns > coalesce(trace.window_end_ns, a.window_end_ns - 1)
    OR (a.own_run_trusted AND NOT trace.own_run_trusted)
    OR (a.own_run_id IS NOT NULL AND trace.own_run_id IS NULL)
    OR (a.session_id IS NOT NULL AND trace.session_id IS NULL)
    OR (a.instance_id IS NOT NULL AND trace.instance_id IS NULL)
)
"""

_RESOLVE = """
UPDATE trace SET run_id = b.run_id, run_id_source = b.run_id_source
FROM (
    SELECT
        t.trace_id,
        coalesce(t.own_run_id, t.session_id, i.run_id, t.instance_id) AS run_id,
        CASE WHEN t.own_run_id IS NOT NULL THEN 'run' WHEN t.session_id IS NOT NULL THEN 'session'
            ELSE 'instance' END AS run_id_source
    FROM trace AS t
    LEFT JOIN instance_run AS i USING (instance_id)
    WHERE t.trace_id IN (SELECT trace_id FROM arrived)
        OR t.instance_id IN (SELECT instance_id FROM arrived)
) AS b
WHERE trace.trace_id = b.trace_id AND b.run_id IS NOT NULL
    AND (trace.run_id, trace.run_id_source) IS DISTINCT FROM (b.run_id, b.run_id_source)
"""


def arrived(connection: duckdb.DuckDBPyConnection, records: pa.Table, *, spans: bool) -> pa.Table:
    """One row per trace of decoded spans or logs: its ids, and the time window of its spans.

    The resources of the records must be stored already.
    """
    start_ns = "i.start_ns" if spans else "CAST(NULL AS BIGINT)"
    connection.register("incoming", records)
    try:
        return connection.sql(
            _ARRIVED.format(start_ns=start_ns, window=WINDOW_NS, far=9 * 10**18, last=2**63 - 1)
        ).to_arrow_table()
    finally:
        connection.unregister("incoming")


def known_windows(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> pa.Table:
    """(trace_id, window_start_ns, window_end_ns) of the traces that were seen before."""
    connection.register("arrived", arrived)
    try:
        return connection.sql(_WINDOWS).to_arrow_table()
    finally:
        connection.unregister("arrived")


def remember(connection: duckdb.DuckDBPyConnection, arrived: pa.Table, *, known: int) -> None:
    """Insert new traces, complete the `known` ones, and resolve the run of all it touches."""
    connection.register("arrived", arrived)
    try:
        if known < arrived.num_rows:
            connection.execute(_INSERT)
        changed = connection.execute(_UPDATE).fetchall()[0][0] if known else 0
        if changed or arrived["instance_id"].null_count < arrived.num_rows:
            connection.execute(_RESOLVE)
    finally:
        connection.unregister("arrived")

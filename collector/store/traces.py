"""Which run a trace belongs to: kept per trace, so that a late id moves the whole trace.

The order of the design: the run id on the resource (harness before agent), a session id on any
span, log or resource of the trace, the instance id of the service, the trace id. A service
instance whose traces name exactly one session lends it to its other traces. Codex has neither on
most traces: those belong to the conversation that overlaps them in time, if it is the only one.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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
    min(r.service_name) AS service_name,
    min({start_ns}) AS start_ns,
    max({end_ns}) AS end_ns
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
    CASE WHEN service_name LIKE 'codex%' THEN start_ns END,
    CASE WHEN service_name LIKE 'codex%' THEN end_ns END,
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
    service_name = coalesce(trace.service_name, a.service_name),
    start_ns = CASE WHEN trace.service_name LIKE 'codex%'
        THEN least(trace.start_ns, a.start_ns) END,
    end_ns = CASE WHEN trace.service_name LIKE 'codex%'
        THEN greatest(trace.end_ns, a.end_ns) END
FROM arrived AS a
WHERE trace.trace_id = a.trace_id AND (
    a.window_start_ns < coalesce(trace.window_start_ns, a.window_start_ns + 1)
    OR a.window_end_ns > coalesce(trace.window_end_ns, a.window_end_ns - 1)
    OR (a.own_run_trusted AND NOT trace.own_run_trusted)
    OR (a.own_run_id IS NOT NULL AND trace.own_run_id IS NULL)
    OR (a.session_id IS NOT NULL AND trace.session_id IS NULL)
    OR (a.instance_id IS NOT NULL AND trace.instance_id IS NULL)
    OR (trace.service_name LIKE 'codex%' AND (
        a.start_ns < coalesce(trace.start_ns, a.start_ns + 1)
        OR a.end_ns > coalesce(trace.end_ns, a.end_ns - 1)))
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

# Only traces within a day of what arrived can be touched by a conversation that arrived.
_INFER = """
UPDATE trace SET run_id = b.run_id, run_id_source = b.run_id_source
FROM (
    SELECT
        t.trace_id,
        CASE WHEN count(DISTINCT w.run_id) = 1 THEN min(w.run_id) ELSE t.trace_id END AS run_id,
        CASE WHEN count(DISTINCT w.run_id) = 1 THEN 'inferred' ELSE 'trace' END AS run_id_source
    FROM trace AS t
    LEFT JOIN conversation_window AS w
        ON w.service_name = t.service_name AND w.hour BETWEEN t.start_ns // 3600000000000
            AND t.end_ns // 3600000000000
        AND w.start_ns <= t.end_ns AND w.end_ns >= t.start_ns
    WHERE t.run_id_source IN ('trace', 'inferred') AND t.service_name LIKE 'codex%'
        AND t.start_ns BETWEEN ? - 86400000000000 AND ? + 86400000000000
    GROUP BY t.trace_id
) AS b
WHERE trace.trace_id = b.trace_id
    AND (trace.run_id, trace.run_id_source) IS DISTINCT FROM (b.run_id, b.run_id_source)
"""


def arrived(connection: duckdb.DuckDBPyConnection, records: pa.Table, *, spans: bool) -> pa.Table:
    """One row per trace of decoded spans or logs: its ids, and the time window of its spans.

    The resources of the records must be stored already.
    """
    no_time = "CAST(NULL AS BIGINT)"
    start_ns, end_ns = ("i.start_ns", "i.end_ns") if spans else (no_time, no_time)
    connection.register("incoming", records)
    try:
        return connection.sql(
            _ARRIVED.format(
                start_ns=start_ns,
                end_ns=end_ns,
                window=WINDOW_NS,
                far=9 * 10**18,
                last=2**63 - 1,
            )
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


def infer(
    connection: duckdb.DuckDBPyConnection, records: pa.Table, times_ns: pa.ChunkedArray
) -> None:
    """Place the traces of Codex that name no run, around the time of decoded spans or logs.

    `times_ns` tells when each of the records happened.
    """
    services = connection.sql("SELECT resource_id FROM resource WHERE service_name LIKE 'codex%'")
    ids = services.to_arrow_table()["resource_id"].combine_chunks()
    if not pc.any(pc.is_in(records["resource_id"], value_set=ids)).as_py():
        return
    bounds = pc.min_max(times_ns).as_py()
    connection.execute(_INFER, [bounds["min"], bounds["max"]])

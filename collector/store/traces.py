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

from .arrivals import INFERRED_SERVICES

_CHANGES = """(
    a.window_start_ns < coalesce(trace.window_start_ns, a.window_start_ns + 1)
    OR a.window_end_ns > coalesce(trace.window_end_ns, a.window_end_ns - 1)
    OR (a.own_run_trusted AND NOT trace.own_run_trusted)
    OR (a.own_run_id IS NOT NULL AND trace.own_run_id IS NULL)
    OR (a.session_id IS NOT NULL AND trace.session_id IS NULL)
    OR (a.instance_id IS NOT NULL AND trace.instance_id IS NULL)
    OR a.start_ns < coalesce(trace.start_ns, a.start_ns + 1)
    OR a.end_ns > coalesce(trace.end_ns, a.end_ns - 1)
)"""

_KNOWN = f"""
SELECT trace.trace_id, trace.window_start_ns, trace.window_end_ns, {_CHANGES} AS changes
FROM trace JOIN arrived AS a USING (trace_id)
"""

_INSERT = """
INSERT INTO trace
SELECT
    trace_id, received_ns, window_start_ns, window_end_ns, own_run_id, own_run_trusted,
    session_id, instance_id, service_name, start_ns, end_ns,
    coalesce(own_run_id, session_id, instance_id, trace_id),
    CASE WHEN own_run_id IS NOT NULL THEN 'run' WHEN session_id IS NOT NULL THEN 'session'
        WHEN instance_id IS NOT NULL THEN 'instance' ELSE 'trace' END
FROM arrived
"""

_UPDATE = f"""
UPDATE trace SET
    window_start_ns = least(trace.window_start_ns, a.window_start_ns),
    window_end_ns = greatest(trace.window_end_ns, a.window_end_ns),
    own_run_id = CASE WHEN a.own_run_trusted AND NOT trace.own_run_trusted
        THEN a.own_run_id ELSE coalesce(trace.own_run_id, a.own_run_id) END,
    own_run_trusted = trace.own_run_trusted OR a.own_run_trusted,
    session_id = coalesce(trace.session_id, a.session_id),
    instance_id = coalesce(trace.instance_id, a.instance_id),
    service_name = coalesce(trace.service_name, a.service_name),
    start_ns = least(trace.start_ns, a.start_ns),
    end_ns = greatest(trace.end_ns, a.end_ns)
FROM arrived AS a
WHERE trace.trace_id = a.trace_id AND {_CHANGES}
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
_INFER = f"""
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
    WHERE t.run_id_source IN ('trace', 'inferred')
        AND t.service_name LIKE '{INFERRED_SERVICES}%'
        AND t.start_ns BETWEEN ? - 86400000000000 AND ? + 86400000000000
    GROUP BY t.trace_id
) AS b
WHERE trace.trace_id = b.trace_id
    AND (trace.run_id, trace.run_id_source) IS DISTINCT FROM (b.run_id, b.run_id_source)
"""


def remember(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> pa.Table:
    """Keep what arrived of each trace (`arrivals.by_trace`), and resolve the run of all it touches.

    Returns (trace_id, window_start_ns, window_end_ns) of the traces that were known before, as
    they were before: only there can a span be known.
    """
    connection.register("arrived", arrived)
    try:
        known = connection.sql(_KNOWN).to_arrow_table()
        changes = bool(pc.any(known["changes"]).as_py())
        if changes:
            connection.execute(_UPDATE)
    finally:
        connection.unregister("arrived")
    is_new = pc.invert(pc.is_in(arrived["trace_id"], value_set=_array(known["trace_id"])))
    new = arrived.filter(is_new)
    _insert(connection, new)
    if changes or new["instance_id"].null_count < new.num_rows:
        _resolve(connection, arrived)
    return known.select(["trace_id", "window_start_ns", "window_end_ns"])


def _insert(connection: duckdb.DuckDBPyConnection, new: pa.Table) -> None:
    if not new.num_rows:
        return
    connection.register("arrived", new)
    try:
        connection.execute(_INSERT)
    finally:
        connection.unregister("arrived")


def _resolve(connection: duckdb.DuckDBPyConnection, arrived: pa.Table) -> None:
    connection.register("arrived", arrived)
    try:
        connection.execute(_RESOLVE)
    finally:
        connection.unregister("arrived")


def infer(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    """Place the traces of INFERRED_SERVICES that name no run, around the time of these records.

    `rows` are those of `arrivals.identified`.
    """
    found = rows.filter(pc.starts_with(rows["service_name"], INFERRED_SERVICES))
    if found.num_rows:
        bounds = pc.min_max(found["start_ns"]).as_py()
        connection.execute(_INFER, [bounds["min"], bounds["max"]])


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()

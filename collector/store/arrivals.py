"""What a batch of decoded records says of its traces and sessions, worked out in Arrow.

In SQL the same would cost a query plan a batch, which is most of what a small batch costs.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

WINDOW_NS = 600 * 10**9
"""Search windows are rounded outward to ten minutes, so that a live trace seldom widens its own."""

INFERRED_SERVICES = "codex"
"""Services of this prefix name their conversation on few traces; time tells the others."""

_NO_TRACE = "0" * 32
_LAST_NS = 2**63 - 1
_FAR_NS = 9 * 10**18
_TRUSTED = pa.array(["harness", "import"])
_RESOURCE = ["run_id", "session_id", "service_instance_id", "opencode_run", "service_name"]
_GROUPED = [
    ("received_ns", "min"),
    ("start_ns", "min"),
    ("end_ns", "max"),
    ("last_start_ns", "max"),
    ("own_run_id", "min"),
    ("trusted_run_id", "min"),
    ("session_id", "min"),
    ("instance_id", "min"),
    ("service_name", "min"),
]


def identified(records: pa.Table, resources: pa.Table) -> pa.Table:
    """A row per span or log record with the ids that tell its run, and when it began and ended.

    Columns: trace_id, received_ns, start_ns, end_ns, last_start_ns (spans only), own_run_id,
    trusted_run_id (if the harness or an import says so), session_id, instance_id, service_name.
    """
    at = pc.index_in(records["resource_id"], value_set=resources["resource_id"].combine_chunks())
    of = {name: resources[name].take(at) for name in _RESOURCE}
    own = pc.coalesce(of["run_id"], records["spanscore_run_id"])
    trusted = pc.is_in(records["origin"], value_set=_TRUSTED)
    is_span = "start_ns" in records.column_names
    nothing = pa.nulls(records.num_rows, pa.int64())
    start_ns = records["start_ns"] if is_span else _time_ns(records)
    return pa.table(
        {
            "trace_id": records["trace_id"],
            "received_ns": records["received_ns"],
            "start_ns": start_ns,
            "end_ns": records["end_ns"] if is_span else start_ns,
            "last_start_ns": start_ns if is_span else nothing,
            "own_run_id": own,
            "trusted_run_id": pc.if_else(trusted, own, pa.scalar(None, pa.string())),
            "session_id": pc.coalesce(
                records["attribute_session_id"],
                records["conversation_id"],
                records["gen_ai_conversation_id"],
                of["session_id"],
            ),
            "instance_id": pc.coalesce(of["service_instance_id"], of["opencode_run"]),
            "service_name": of["service_name"],
        }
    )


def _time_ns(logs: pa.Table) -> pa.ChunkedArray:
    has_time = pc.not_equal(logs["time_ns"], 0)
    return pc.if_else(has_time, logs["time_ns"], logs["observed_ns"])


def by_trace(rows: pa.Table) -> pa.Table:
    """A row per trace of `identified` rows, as `traces.remember` takes it.

    Columns: trace_id, received_ns, window_start_ns, window_end_ns (of spans, else NULL),
    own_run_id, own_run_trusted, session_id, instance_id, service_name, start_ns, end_ns (spans of
    INFERRED_SERVICES, else NULL), first_ns, last_ns (of all records).
    """
    has_trace = pc.not_equal(rows["trace_id"], _NO_TRACE)
    found = rows.filter(has_trace).group_by("trace_id").aggregate(_GROUPED)
    is_span = pc.is_valid(found["last_start_ns_max"])
    exact = pc.and_(is_span, pc.starts_with(found["service_name_min"], INFERRED_SERVICES))
    no_time = pa.scalar(None, pa.int64())
    return pa.table(
        {
            "trace_id": found["trace_id"],
            "received_ns": found["received_ns_min"],
            "window_start_ns": pc.if_else(is_span, _down(found["start_ns_min"]), no_time),
            "window_end_ns": _up(found["last_start_ns_max"]),
            "own_run_id": pc.coalesce(found["trusted_run_id_min"], found["own_run_id_min"]),
            "own_run_trusted": pc.is_valid(found["trusted_run_id_min"]),
            "session_id": found["session_id_min"],
            "instance_id": found["instance_id_min"],
            "service_name": found["service_name_min"],
            "start_ns": pc.if_else(exact, found["start_ns_min"], no_time),
            "end_ns": pc.if_else(exact, found["end_ns_max"], no_time),
            "first_ns": found["start_ns_min"],
            "last_ns": found["end_ns_max"],
        }
    )


def by_session(rows: pa.Table) -> pa.Table:
    """(service_name, run_id, start_ns, end_ns) of each session that rows without a trace name."""
    wanted = pc.and_(pc.is_null(rows["own_run_id"]), pc.is_valid(rows["session_id"]))
    wanted = pc.and_(wanted, pc.is_null(rows["trace_id"]))
    wanted = pc.and_(wanted, pc.is_valid(rows["service_name"]))
    found = (
        rows.filter(pc.and_(wanted, pc.greater(rows["start_ns"], 0)))
        .group_by(["service_name", "session_id"])
        .aggregate([("start_ns", "min"), ("end_ns", "max")])
    )
    return pa.table(
        {
            "service_name": found["service_name"],
            "run_id": found["session_id"],
            "start_ns": found["start_ns_min"],
            "end_ns": found["end_ns_max"],
        }
    )


def _down(times_ns: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rounded to the window before; times near the ends of 64 bits to the very end."""
    near = pc.if_else(pc.greater(times_ns, -_FAR_NS), times_ns, 0)
    rounded = pc.multiply(pc.subtract(pc.divide(near, WINDOW_NS), 1), WINDOW_NS)
    return pc.if_else(pc.greater(times_ns, -_FAR_NS), rounded, -_LAST_NS)


def _up(times_ns: pa.ChunkedArray) -> pa.ChunkedArray:
    near = pc.if_else(pc.less(times_ns, _FAR_NS), times_ns, 0)
    rounded = pc.multiply(pc.add(pc.divide(near, WINDOW_NS), 1), WINDOW_NS)
    return pc.if_else(pc.less(times_ns, _FAR_NS), rounded, _LAST_NS)

"""Rows of the base tables back to Export requests, a whole batch at a time, through ptars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .arrays import Ints, integers, numbers, open_list
from .encode_attributes import key_values, log_bodies, structs
from .ids import binary_ids
from .wire import schema_of, serialize
from .write_back import Row, write_back

MAX_ROWS = 1000
MAX_BYTES = 8 << 20
"""A request that came with more rows or bytes comes back in parts."""

_SCOPES = {Signal.TRACES: "scope_spans", Signal.LOGS: "scope_logs"}
_RECORDS = {Signal.TRACES: "spans", Signal.LOGS: "log_records"}


def encode(
    signal: Signal, records: Any, resources: Mapping[int, Row], scopes: Mapping[int, Row]
) -> Iterator[tuple[Request, int]]:
    """The requests that the rows came in, in their order, each with how many rows it has.

    `records` is a RecordBatch with the columns of span, log or metric_point (typed ones may be
    missing); rows next to each other with the same origin and receive time are one request.
    `resources` and `scopes` are the rows that they name, by id. The requests are equal to what
    `write_back` makes of the same rows.
    """
    bounds = _bounds(records)
    pieces = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    if signal is Signal.METRICS:
        bodies = [_points(records.slice(a, b - a), resources, scopes) for a, b in pieces]
    else:
        bodies = _bodies(signal, records, np.diff(bounds), resources, scopes)
    for (start, end), body in zip(pieces, bodies, strict=True):
        if len(body) > MAX_BYTES and end - start > 1:
            middle = (start + end) // 2
            for first, last in ((start, middle), (middle, end)):
                half = records.slice(first, last - first)
                yield from encode(signal, half, resources, scopes)
            continue
        origin, received_ns = records["origin"][start], records["received_ns"][start]
        yield Request(signal, origin.as_py(), received_ns.as_py(), body), end - start


def last_request(records: Any) -> int:
    """How many rows at the end came in one request: more of it may follow."""
    bounds = _bounds(records)
    return int(bounds[-1] - bounds[-2]) if len(bounds) > 1 else 0


def _bounds(records: Any) -> npt.NDArray[np.int64]:
    """Where requests begin and end among the rows."""
    count = records.num_rows
    received_ns = numbers(records["received_ns"])
    origins = records["origin"].dictionary_encode().indices.to_numpy()
    begins = np.ones(count + 1, np.bool_)
    begins[1:count] = (np.diff(received_ns) != 0) | (np.diff(origins) != 0)
    bounds = np.flatnonzero(begins)
    parts = [np.arange(a, b, MAX_ROWS) for a, b in pairwise(bounds)]
    return np.concatenate([*parts, [count]]) if count else np.zeros(1, np.int64)


def _points(records: Any, resources: Mapping[int, Row], scopes: Mapping[int, Row]) -> bytes:
    # A metric is described anew by each of its points: rows are gathered, and they are few.
    message = write_back(Signal.METRICS, records.to_pylist(), resources, scopes)
    return message.SerializeToString()


def _bodies(
    signal: Signal,
    records: Any,
    lengths: Ints,
    resources: Mapping[int, Row],
    scopes: Mapping[int, Row],
) -> list[bytes]:
    requests = np.repeat(np.arange(len(lengths)), lengths)
    resource_ids, scope_ids = numbers(records["resource_id"]), numbers(records["scope_id"])
    by_resource = _first_of(requests, resource_ids)
    by_scope = _first_of(by_resource, scope_ids)
    order = np.lexsort((by_scope, by_resource))
    if (np.diff(order) != 1).any():
        records = records.take(integers(order))
        by_resource, by_scope = by_resource[order], by_scope[order]
        resource_ids, scope_ids = resource_ids[order], scope_ids[order]
    list_type = schema_of(signal.request_type).field(0).type
    scopes_type = list_type.value_type.field(_SCOPES[signal]).type
    items_type = scopes_type.value_type.field(_RECORDS[signal]).type
    items = _COLUMNS[signal](records, items_type.value_type)
    scope_starts, resource_starts = _starts(by_scope), _starts(by_resource)
    request_starts = _starts(requests)
    scope_parts = structs(
        scopes_type.value_type,
        {
            "scope": _raw(scopes, scope_ids[scope_starts]),
            "schema_url": _schema_urls(scopes, scope_ids[scope_starts]),
            _RECORDS[signal]: _lists(items_type, scope_starts, items),
        },
    )
    resource_parts = structs(
        list_type.value_type,
        {
            "resource": _raw(resources, resource_ids[resource_starts]),
            "schema_url": _schema_urls(resources, resource_ids[resource_starts]),
            _SCOPES[signal]: _lists(
                scopes_type, np.searchsorted(scope_starts, resource_starts), scope_parts
            ),
        },
    )
    of_request = np.searchsorted(resource_starts, request_starts)
    return serialize(signal.request_type, [_lists(list_type, of_request, resource_parts)])


def _first_of(groups: Ints, ids: Ints) -> Ints:
    """For each row the first row of its group that has its id: one number an id in a group."""
    _, codes = np.unique(ids, return_inverse=True)
    _, first, inverse = np.unique(
        groups.astype(np.int64) * (len(ids) + 1) + codes, return_index=True, return_inverse=True
    )
    found: Ints = first[inverse]
    return found


def _starts(numbers_of_rows: Ints) -> Ints:
    """The rows at which another number begins."""
    return np.flatnonzero(np.diff(numbers_of_rows, prepend=-1))


def _raw(identities: Mapping[int, Row], ids: Ints) -> Any:
    return pa.array([identities[number]["raw"] for number in ids.tolist()], pa.binary())


def _schema_urls(identities: Mapping[int, Row], ids: Ints) -> Any:
    urls = [identities[number]["schema_url"] or "" for number in ids.tolist()]
    return pa.array(urls, pa.string())


def _lists(kind: Any, starts: Ints, values: Any) -> Any:
    offsets = np.append(starts, len(values)).astype(np.int32)
    return pa.ListArray.from_arrays(integers(offsets), values, type=kind)


def _list_of_structs(
    lists: Any, kind: Any, columns_of: Callable[[Any, Any], dict[str, Any]]
) -> Any:
    """Lists of structs of the table as lists of structs of the message."""
    offsets, values = open_list(lists)
    if len(values):
        items = structs(kind.value_type, columns_of(values, kind.value_type))
    else:
        items = pa.nulls(0, kind.value_type)
    return pa.ListArray.from_arrays(integers(offsets.astype(np.int32)), items, type=kind)


def _span_structs(spans: Any, kind: Any) -> Any:
    column = spans.column
    code = column("status_code")
    status = {"code": code.fill_null(0), "message": _text(column("status_message"))}
    return structs(
        kind,
        {
            **_ids(column, "trace_id", "span_id", "parent_span_id"),
            **_same(column, "name", "kind"),
            **_small(column, "flags", "dropped_attributes_count", "dropped_events_count",
                     "dropped_links_count"),
            "trace_state": _text(column("trace_state")),
            "start_time_unix_nano": _unsigned(column("start_ns")),
            "end_time_unix_nano": _unsigned(column("end_ns")),
            "attributes": key_values(spans, kind),
            "events": _list_of_structs(column("events"), kind.field("events").type, _event),
            "links": _list_of_structs(column("links"), kind.field("links").type, _link),
            "status": structs(kind.field("status").type, status, absent=code.is_null()),
        },
    )  # fmt: skip


def _event(events: Any, kind: Any) -> dict[str, Any]:
    return {
        **_same(events.field, "name"),
        **_small(events.field, "dropped_attributes_count"),
        "time_unix_nano": _unsigned(events.field("time_ns")),
        "attributes": key_values(events, kind),
    }


def _link(links: Any, kind: Any) -> dict[str, Any]:
    return {
        **_ids(links.field, "trace_id", "span_id"),
        **_small(links.field, "flags", "dropped_attributes_count"),
        "trace_state": _text(links.field("trace_state")),
        "attributes": key_values(links, kind),
    }


def _log_structs(logs: Any, kind: Any) -> Any:
    column = logs.column
    return structs(
        kind,
        {
            **_ids(column, "trace_id", "span_id"),
            **_same(column, "severity_number"),
            **_small(column, "flags", "dropped_attributes_count"),
            "severity_text": _text(column("severity_text")),
            "event_name": _text(column("event_name")),
            "time_unix_nano": _unsigned(column("time_ns")),
            "observed_time_unix_nano": _unsigned(column("observed_ns")),
            "attributes": key_values(logs, kind),
            "body": log_bodies(logs, kind.field("body").type),
        },
    )


_COLUMNS = {Signal.TRACES: _span_structs, Signal.LOGS: _log_structs}


def _same(column: Callable[[str], Any], *names: str) -> dict[str, Any]:
    return {name: column(name) for name in names}


def _ids(column: Callable[[str], Any], *names: str) -> dict[str, Any]:
    return {name: binary_ids(column(name)) for name in names}


def _small(column: Callable[[str], Any], *names: str) -> dict[str, Any]:
    return {name: column(name).cast(pa.uint32()) for name in names}


def _text(column: Any) -> Any:
    return column.fill_null("")


def _unsigned(column: Any) -> Any:
    return column.view(pa.uint64())

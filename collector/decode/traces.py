"""Spans as rows of the table `span`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import Ints, integers, list_of_structs, none_if_empty, signed
from .attributes import TRIPLE, Attributes
from .ids import hex_ids
from .typed_columns import typed_columns

_TYPED = typed_columns("span")
_EVENT = pa.struct(
    [
        ("time_ns", pa.int64()),
        ("name", pa.string()),
        *TRIPLE,
        ("dropped_attributes_count", pa.int64()),
    ]
)
_LINK = pa.struct(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("trace_state", pa.string()),
        ("flags", pa.int64()),
        *TRIPLE,
        ("dropped_attributes_count", pa.int64()),
    ]
)
SPAN = pa.schema(
    [
        ("received_ns", pa.int64()),
        ("origin", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),
        ("trace_state", pa.string()),
        ("flags", pa.int64()),
        ("name", pa.string()),
        ("kind", pa.int32()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("duration_ns", pa.int64()),
        ("status_code", pa.int32()),
        ("status_message", pa.string()),
        ("resource_id", pa.int64()),
        ("scope_id", pa.int64()),
        *TRIPLE,
        ("dropped_attributes_count", pa.int64()),
        ("dropped_events_count", pa.int64()),
        ("dropped_links_count", pa.int64()),
        ("events", pa.list_(_EVENT)),
        ("links", pa.list_(_LINK)),
        *((column.column, column.arrow_type) for column in _TYPED),
    ]
)


def span_columns(spans: Any) -> tuple[Ints, dict[str, Any]]:
    """The columns of `SPAN` that a struct array of spans carries itself, one row a span."""
    attributes = Attributes(spans.field("attributes"))
    status = spans.field("status")
    start, end = spans.field("start_time_unix_nano"), spans.field("end_time_unix_nano")
    columns = {
        "trace_id": hex_ids(spans.field("trace_id")),
        "span_id": hex_ids(spans.field("span_id")),
        "parent_span_id": hex_ids(spans.field("parent_span_id")),
        "trace_state": none_if_empty(spans.field("trace_state")),
        "flags": signed(spans.field("flags")),
        "name": spans.field("name"),
        "kind": spans.field("kind"),
        "start_ns": signed(start),
        "end_ns": signed(end),
        "duration_ns": integers(_durations(start.to_numpy(), end.to_numpy())),
        "status_code": pc.struct_field(status, "code"),
        "status_message": none_if_empty(pc.struct_field(status, "message")),
        "dropped_attributes_count": signed(spans.field("dropped_attributes_count")),
        "dropped_events_count": signed(spans.field("dropped_events_count")),
        "dropped_links_count": signed(spans.field("dropped_links_count")),
        "events": list_of_structs(spans.field("events"), _EVENT, _event_columns),
        "links": list_of_structs(spans.field("links"), _LINK, _link_columns),
    }
    columns |= attributes.columns() | attributes.typed(_TYPED)
    return np.arange(len(spans)), columns


def _event_columns(events: Any) -> dict[str, Any]:
    return {
        "time_ns": signed(events.field("time_unix_nano")),
        "name": events.field("name"),
        "dropped_attributes_count": signed(events.field("dropped_attributes_count")),
        **Attributes(events.field("attributes")).columns(),
    }


def _link_columns(links: Any) -> dict[str, Any]:
    return {
        "trace_id": hex_ids(links.field("trace_id")),
        "span_id": hex_ids(links.field("span_id")),
        "trace_state": none_if_empty(links.field("trace_state")),
        "flags": signed(links.field("flags")),
        "dropped_attributes_count": signed(links.field("dropped_attributes_count")),
        **Attributes(links.field("attributes")).columns(),
    }


def _durations(start: npt.NDArray[np.uint64], end: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """end - start in ns, negative where the end is the earlier one, saturated at 64 bits."""
    limit = np.uint64(2**63 - 1)
    forward = np.minimum(end - start, limit).astype(np.int64)
    backward = -np.minimum(start - end, limit).astype(np.int64)
    durations: npt.NDArray[np.int64] = np.where(end >= start, forward, backward)
    return durations

"""Log records as rows of the table `log`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from .arrays import Flags, Ints, letters, none_if_empty, signed
from .attributes import TRIPLE, Attributes
from .ids import hex_ids
from .typed_columns import typed_columns
from .values import fill, value_texts

_TYPED = typed_columns("log")
LOG = pa.schema(
    [
        ("received_ns", pa.int64()),
        ("origin", pa.string()),
        ("time_ns", pa.int64()),
        ("observed_ns", pa.int64()),
        ("severity_number", pa.int32()),
        ("severity_text", pa.string()),
        ("event_name", pa.string()),
        ("body", pa.string()),
        ("body_type", pa.string()),
        ("body_raw", pa.binary()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("flags", pa.int64()),
        ("resource_id", pa.int64()),
        ("scope_id", pa.int64()),
        *TRIPLE,
        ("dropped_attributes_count", pa.int64()),
        *((column.column, column.arrow_type) for column in _TYPED),
    ]
)


def log_columns(logs: Any) -> tuple[Ints, dict[str, Any]]:
    """The columns of `LOG` that a struct array of log records carries itself, one row a record."""
    attributes = Attributes(logs.field("attributes"))
    columns = {
        "time_ns": signed(logs.field("time_unix_nano")),
        "observed_ns": signed(logs.field("observed_time_unix_nano")),
        "severity_number": logs.field("severity_number"),
        "severity_text": none_if_empty(logs.field("severity_text")),
        "event_name": none_if_empty(logs.field("event_name")),
        "trace_id": hex_ids(logs.field("trace_id")),
        "span_id": hex_ids(logs.field("span_id")),
        "flags": signed(logs.field("flags")),
        "dropped_attributes_count": signed(logs.field("dropped_attributes_count")),
    }
    columns |= _body_columns(logs.field("body"))
    columns |= attributes.columns() | attributes.typed(_TYPED)
    return np.arange(len(logs)), columns


def _body_columns(bodies: Any) -> dict[str, Any]:
    values = value_texts(bodies)
    return {
        "body": values.text,
        "body_type": letters(values.types, values.types != ord("-")),
        "body_raw": _exact(bodies, values.inexact),
    }


def _exact(bodies: Any, inexact: Flags | None) -> Any:
    if inexact is None:
        return pa.nulls(len(bodies), pa.binary())
    column: list[bytes | None] = [None] * len(bodies)
    for row in np.flatnonzero(inexact).tolist():
        value = AnyValue()
        fill(value, bodies[row].as_py())
        column[row] = value.SerializeToString()
    return pa.array(column, pa.binary())

"""Export requests as OTLP/JSON, one line each."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.descriptor import FieldDescriptor as Field

if TYPE_CHECKING:
    from google.protobuf.message import Message


def to_json(message: Message) -> bytes:
    """The message in OTLP's JSON (OTLP 1.11, "JSON Protobuf Encoding"), as UTF-8 on one line.

    Ids are hexadecimal, 64-bit integers texts, enums numbers, other bytes base64; fields that have
    their default are left out. `json_to_protobuf` gives back an equal message.
    """
    return orjson.dumps(_members(message))


def _members(message: Any) -> dict[str, Any]:
    """Those fields of a message that are set: twice as fast as protobuf's MessageToDict."""
    members = {}
    for field, value in message.ListFields():
        name, written = _plan(field)
        members[name] = value if written is None else written(value)
    return members


_IDS = frozenset(["trace_id", "span_id", "parent_span_id"])
_WIDE = frozenset(
    [Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_FIXED64, Field.TYPE_SFIXED64,
     Field.TYPE_SINT64]
)  # fmt: skip


@cache
def _plan(field: Any) -> tuple[str, Callable[[Any], Any] | None]:
    """How a field is called, and what is written for its value; None: the value itself."""
    one = _written(field)
    if not field.is_repeated:
        return field.json_name, one
    if one is None:
        return field.json_name, list
    return field.json_name, lambda values: [one(value) for value in values]


def _written(field: Any) -> Callable[[Any], Any] | None:
    if field.type == Field.TYPE_MESSAGE:
        return _members
    if field.type == Field.TYPE_BYTES:
        return bytes.hex if field.name in _IDS else lambda value: b64encode(value).decode()
    if field.type in _WIDE:
        return str
    return _double if field.type == Field.TYPE_DOUBLE else None


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

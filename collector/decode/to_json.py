"""Export requests as OTLP/JSON, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf import json_format

if TYPE_CHECKING:
    from google.protobuf.message import Message


def to_json(message: Message) -> bytes:
    """The message in OTLP's JSON (OTLP 1.11, "JSON Protobuf Encoding"), as UTF-8 on one line.

    Ids are hexadecimal, 64-bit integers texts, enums numbers, other bytes base64; fields that have
    their default are left out. `json_to_protobuf` gives back an equal message.
    """
    document = json_format.MessageToDict(message, use_integers_for_enums=True)
    _put_ids(document, message)
    return orjson.dumps(document)


_IDS = {"trace_id": "traceId", "span_id": "spanId", "parent_span_id": "parentSpanId"}


def _put_ids(document: dict[str, Any], message: Any) -> None:
    """Write the ids of a message, and of all messages within it, as hexadecimal."""
    for field, value in message.ListFields():
        if field.name in _IDS:
            document[_IDS[field.name]] = value.hex()
        elif field.message_type is None or field.name in _WITHOUT_IDS:
            continue
        elif field.is_repeated:
            for inner, source in zip(document[field.json_name], value, strict=True):
                _put_ids(inner, source)
        else:
            _put_ids(document[field.json_name], value)


# Attribute values are trees of their own, and hold no ids.
_WITHOUT_IDS = frozenset(
    ["attributes", "filtered_attributes", "body", "resource", "scope", "metadata", "status"]
)

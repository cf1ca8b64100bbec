"""Export requests in a form that is equal whenever they say the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message


def records(request: Message) -> list[tuple[bytes, ...]]:
    """One tuple a record: resource, scope and record as bytes, sorted.

    How records are grouped and ordered is left out, and so is the payload of a NaN.
    """
    copy = type(request)()
    copy.CopyFrom(request)
    _plain_nan(copy)
    return sorted(_leaves(copy))


_LISTS = {
    *("resource_spans", "scope_spans", "spans", "resource_logs", "scope_logs", "log_records"),
    *("resource_metrics", "scope_metrics", "metrics", "data_points"),
}


def _leaves(message: Any) -> Iterator[tuple[bytes, ...]]:
    """Each record with what is left of the messages around it when the records are taken out."""
    names = _LISTS & set(message.DESCRIPTOR.fields_by_name)
    if names:
        name = names.pop()
        yield from _below(message, name, list(getattr(message, name)))
    elif "data" in message.DESCRIPTOR.oneofs_by_name:
        name = message.WhichOneof("data")
        yield from _below(message, name, [getattr(message, name)])
    else:
        yield (message.SerializeToString(deterministic=True),)


def _below(message: Any, name: str, children: list[Any]) -> Iterator[tuple[bytes, ...]]:
    leaves = [leaf for child in children for leaf in _leaves(child)]
    message.ClearField(name)
    around = name.encode() + message.SerializeToString(deterministic=True)
    for leaf in leaves:
        yield (around, *leaf)


def _plain_nan(message: Any) -> None:
    for field, value in message.ListFields():
        if field.type == Field.TYPE_MESSAGE:
            for child in value if field.is_repeated else [value]:
                _plain_nan(child)
        elif field.type == Field.TYPE_DOUBLE and not field.is_repeated:
            if math.isnan(value):
                setattr(message, field.name, math.nan)
        elif field.type == Field.TYPE_DOUBLE:
            value[:] = [math.nan if math.isnan(number) else number for number in value]

"""Hypothesis-made Export requests worth storing: no empty container, keys that meet, odd enums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from .otlp_messages import requests

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from hypothesis.strategies import DrawFn

    from spanscore.collector.signals import Signal

_ODD_TEXTS = ["", "\0", "2100", "-0", "1e400", "nan", "null", "{}", '{"a":1}', "é" * 25_000]
_TEXT = st.text(max_size=12) | st.sampled_from(_ODD_TEXTS)
# Few, so that lists often hold one twice; most have a typed column.
_KEYS = st.sampled_from(
    ["", "k", "session.id", "error.type", "attempt", "duration_ms", "gen_ai.usage.input_tokens"]
)
_ENUM = st.integers(-(2**31), 2**31 - 1)
_CONTAINERS = {"resource_spans", "resource_logs", "resource_metrics", "data_points", "metrics"}
_CONTAINERS |= {"scope_spans", "scope_logs", "scope_metrics", "spans", "log_records"}


@st.composite
def stored_requests(draw: DrawFn, signal: Signal) -> Message:
    """An Export request each of whose containers holds a record, as the doors let it in.

    They refuse spans whose own ids are not 16 and 8 bytes long; ids elsewhere have any length.
    """
    message = draw(requests(signal, _TEXT))
    _populate(draw, message)
    for part in _walk(message):
        if isinstance(part, KeyValue) and draw(st.booleans()):
            part.key = draw(_KEYS)
        if isinstance(part, Span):
            part.trace_id = part.trace_id[:16].ljust(16, b"t")
            part.span_id = part.span_id[:8].ljust(8, b"s")
        for field in part.DESCRIPTOR.fields:
            if field.type == Field.TYPE_ENUM and draw(st.integers(0, 7)) == 7:
                setattr(part, field.name, draw(_ENUM))
    return message


def _populate(draw: DrawFn, message: Any) -> None:
    """Add an empty record wherever a container holds none."""
    if "data" in message.DESCRIPTOR.oneofs_by_name and not message.WhichOneof("data"):
        members = message.DESCRIPTOR.oneofs_by_name["data"].fields
        getattr(message, draw(st.sampled_from([member.name for member in members]))).SetInParent()
    for field, value in [*message.ListFields(), *_empty_containers(message)]:
        if field.name in _CONTAINERS and not value:
            value.add()
        if field.type == Field.TYPE_MESSAGE:
            for child in value if field.is_repeated else [value]:
                _populate(draw, child)


def _empty_containers(message: Any) -> list[tuple[Any, Any]]:
    names = [f.name for f in message.DESCRIPTOR.fields if f.name in _CONTAINERS]
    lists = [(message.DESCRIPTOR.fields_by_name[name], getattr(message, name)) for name in names]
    return [(field, value) for field, value in lists if not value]


def _walk(message: Any) -> Iterator[Any]:
    """The message and all messages within."""
    yield message
    for field, value in message.ListFields():
        if field.type == Field.TYPE_MESSAGE:
            for child in value if field.is_repeated else [value]:
                yield from _walk(child)

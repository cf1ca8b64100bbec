"""Tells before a request is parsed whether parsing it would take far more memory than it has bytes.

An empty log record has two bytes on the wire and some 130 in memory, so 64 MiB of them would
take 4 GB. Real requests take 3 to 12 times their size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor as Field

from spanscore.collector.signals import Signal

from .status import Kind, Refusal

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

# Upper bounds of what was measured: parsed JSON with the message made from it, and messages alone.
_JSON_OBJECT_BYTES = 400
_JSON_ELEMENT_BYTES = 64
_MESSAGE_BYTES = 32
_LARGEST_MESSAGE_BYTES = 256
_PACKED_FACTOR = 16
_FIXED_SIZE = {Field.TYPE_DOUBLE, Field.TYPE_FLOAT, Field.TYPE_FIXED64, Field.TYPE_FIXED32}
_TEXT = {Field.TYPE_STRING, Field.TYPE_BYTES}
# Deeper than any parser goes, so that what is not counted is not parsed either.
_MAX_DEPTH = 200
_VARINT, _FIXED64, _LENGTH, _GROUP, _END_GROUP, _FIXED32 = range(6)
_LENGTH_TAGS = bytes(byte for byte in range(256) if byte & 7 == _LENGTH)


def check_json(body: bytes, max_bytes: int) -> None:
    """Raises Refusal (TOO_LARGE) for JSON that could take more than `max_bytes` parsed."""
    objects = body.count(b"{") + body.count(b"[")
    if objects * _JSON_OBJECT_BYTES + body.count(b",") * _JSON_ELEMENT_BYTES > max_bytes:
        raise _too_many_parts()


def check_protobuf(signal: Signal, body: bytes, max_bytes: int) -> None:
    """Raises Refusal (TOO_LARGE) for a request that would take more than `max_bytes` parsed.

    Bytes that are no protobuf pass up to where they are not: a parser goes no further either.
    """
    # Cheap and nearly always enough: every message needs a tag byte of this wire type.
    tags = len(body) - len(body.translate(None, _LENGTH_TAGS))
    packed_bytes = len(body) if signal is Signal.METRICS else 0
    if tags * _LARGEST_MESSAGE_BYTES + packed_bytes * _PACKED_FACTOR <= max_bytes:
        return
    try:
        _walk(body, _shape(signal.request_type.DESCRIPTOR), max_bytes)
    except (_Malformed, IndexError):
        return


@dataclass(slots=True)
class _Shape:
    """What a message type takes in memory, its message fields, and its packed repeated fields."""

    size_bytes: int
    messages: dict[int, _Shape] = field(default_factory=dict)
    packed: set[int] = field(default_factory=set)


@cache
def _shape(descriptor: Descriptor) -> _Shape:
    return _shape_of(descriptor, {})


def _shape_of(descriptor: Descriptor, known: dict[str, _Shape]) -> _Shape:
    if descriptor.full_name in known:  # AnyValue holds itself
        return known[descriptor.full_name]
    texts = sum(item.type in _TEXT for item in descriptor.fields)
    shape = _Shape(_MESSAGE_BYTES + 8 * len(descriptor.fields) + 8 * texts)
    known[descriptor.full_name] = shape
    for item in descriptor.fields:
        if item.message_type is not None:
            shape.messages[item.number] = _shape_of(item.message_type, known)
        elif item.is_packed and item.type not in _FIXED_SIZE:
            shape.packed.add(item.number)
    return shape


class _Malformed(Exception):
    """No parser gets beyond this point."""


def _walk(body: bytes, shape: _Shape, max_bytes: int) -> None:
    """Adds up the messages in the order of the wire; its own memory is one entry a level."""
    room_bytes = max_bytes
    position, end = 0, len(body)
    parents: list[tuple[int, _Shape]] = []
    while position < end or parents:
        if position == end:
            end, shape = parents.pop()
            continue
        tag, position = _varint(body, position)
        child = None
        if tag & 7 == _LENGTH:
            length, position = _varint(body, position)
            stop = position + length
            child = shape.messages.get(tag >> 3)
            if tag >> 3 in shape.packed:
                room_bytes -= _PACKED_FACTOR * length
        else:
            stop = _skip(body, position, tag & 7)
        if stop > end or len(parents) > _MAX_DEPTH:
            raise _Malformed
        if child is None:
            position = stop
        else:
            room_bytes -= child.size_bytes
            parents.append((end, shape))
            end, shape = stop, child
        if room_bytes < 0:
            raise _too_many_parts()


def _skip(body: bytes, position: int, wire_type: int, depth: int = 0) -> int:
    """The position after a field that is no known message."""
    if wire_type == _VARINT:
        return _varint(body, position)[1]
    if wire_type == _LENGTH:
        length, position = _varint(body, position)
        return position + length
    if wire_type == _FIXED64:
        return position + 8
    if wire_type == _FIXED32:
        return position + 4
    if wire_type != _GROUP or depth > _MAX_DEPTH:
        raise _Malformed
    while True:
        tag, position = _varint(body, position)
        if tag & 7 == _END_GROUP:
            return position
        position = _skip(body, position, tag & 7, depth + 1)


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and the position after it."""
    byte = body[position]
    if byte < 128:
        return byte, position + 1
    value = byte & 127
    for place in range(1, 10):
        byte = body[position + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, position + place + 1
    raise _Malformed


def _too_many_parts() -> Refusal:
    return Refusal(
        Kind.TOO_LARGE,
        "the request has so many tiny parts that it would take far more memory than its size "
        "says: send smaller batches",
    )

"""Bounds how many parts a request may have, before it is parsed.

An empty log record has two bytes on the wire and some 130 in memory: 64 MiB of them would take
4 GB. A part is a message within the request: a record, an attribute, its value. 64 MiB of ordinary
spans with 12 attributes have 3 million.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from spanscore.collector.signals import Signal

from .status import Kind, Refusal

MAX_PARTS = 5_000_000
# Deeper than any parser goes, so that what is not counted is not parsed either.
_MAX_DEPTH = 200
_VARINT, _FIXED64, _LENGTH, _GROUP, _END_GROUP, _FIXED32 = range(6)
_LENGTH_TAGS = bytes(byte for byte in range(256) if byte & 7 == _LENGTH)


class _Shape(dict[int, "_Shape"]):
    """The fields of a message type that are messages themselves."""


def check_json(body: bytes, max_parts: int = MAX_PARTS) -> None:
    """Raises Refusal (TOO_LARGE) for JSON that may have more parts, of objects, lists and items."""
    if sum(map(body.count, (b"{", b"[", b","))) > max_parts:
        raise _too_many(max_parts)


def check_protobuf(signal: Signal, body: bytes, max_parts: int = MAX_PARTS) -> None:
    """Raises Refusal (TOO_LARGE) for a request of more parts.

    Bytes that are no protobuf pass up to where they are not: a parser goes no further either.
    """
    # Cheap and nearly always enough: each part needs a byte that can be the tag of a message.
    if len(body) - len(body.translate(None, _LENGTH_TAGS)) <= max_parts:
        return
    try:
        _count(body, _shape(signal), max_parts)
    except (_Malformed, IndexError):
        return


@cache
def _shape(signal: Signal) -> _Shape:
    return _shape_of(signal.request_type.DESCRIPTOR, {})


def _shape_of(descriptor: Any, known: dict[str, _Shape]) -> _Shape:
    if descriptor.full_name not in known:
        shape = known[descriptor.full_name] = _Shape()  # before its fields: AnyValue holds itself
        for field in descriptor.fields:
            if field.message_type is not None:
                shape[field.number] = _shape_of(field.message_type, known)
    return known[descriptor.full_name]


class _Malformed(Exception):
    """No parser gets beyond this point."""


def _count(body: bytes, shape: _Shape, max_parts: int) -> None:
    """Goes through the messages in the order of the wire; its own memory is one entry a level."""
    position, end = 0, len(body)
    parents: list[tuple[int, _Shape]] = []
    parts = 0
    while position < end or parents:
        if position == end:
            end, shape = parents.pop()
            continue
        tag, position = _varint(body, position)
        part = None
        if tag & 7 == _LENGTH:
            length, position = _varint(body, position)
            stop = position + length
            part = shape.get(tag >> 3)
        else:
            stop = _skip(body, position, tag & 7)
        if stop > end or len(parents) > _MAX_DEPTH:
            raise _Malformed
        if part is None:
            position = stop
            continue
        parts += 1
        if parts > max_parts:
            raise _too_many(max_parts)
        parents.append((end, shape))
        end, shape = stop, part


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


def _too_many(max_parts: int) -> Refusal:
    return Refusal(
        Kind.TOO_LARGE,
        f"the request has more than {max_parts:,} parts (records, attributes, values): "
        "send smaller batches",
    )

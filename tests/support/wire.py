"""Protobuf written by hand: for bytes that no serializer makes."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """A field of length-delimited content: a message, text or bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def record(content: bytes) -> bytes:
    """A request whose one span, log record or metric has this content."""
    return field(1, field(2, field(2, content)))


def records(content: bytes) -> bytes:
    """A request whose one scope holds this content: fields 2 are its records."""
    return field(1, field(2, content))


def nested_value(levels: int) -> bytes:
    """An AnyValue of arrays within arrays, `levels` deep."""
    value = field(1, b"x")
    for _ in range(levels):
        value = field(5, field(1, value))
    return value

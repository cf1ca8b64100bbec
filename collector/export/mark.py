"""The mark of an exported request: who sent it, and when it came.

OTLP has no place for either, and both decide what a run is worth: only the harness may tell of its
phases. So an exported request says so in a field that other readers of OTLP skip, as the protocol
has them do with what they do not know: in JSON the member `spanscore` beside `resourceSpans`, in
protobuf field 5318 of the Export request, which holds the same JSON as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from ..receiver.origin import ORIGINS
from ..signals import Signal

MEMBER = "spanscore"
FIELD = 5318
_LENGTH_DELIMITED = 2
_SIZES = {1: 8, 5: 4}
_MENTIONED = re.compile(rb'"spanscore"\s*:')


class MarkError(ValueError):
    """The request has a mark that spanscore did not write; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The signal of a request (protobuf does not tell), its origin, and when it was received."""

    signal: Signal
    origin: str
    received_ns: int

    def as_json(self) -> dict[str, str]:
        """The value of the member; 64-bit integers are strings, as in all OTLP/JSON."""
        return {
            "signal": self.signal.name.lower(),
            "origin": self.origin,
            "receivedTimeUnixNano": str(self.received_ns),
        }


def mark_json(line: bytes, mark: Mark) -> bytes:
    """An OTLP/JSON object with the mark as its first member."""
    rest = line.lstrip()[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return b'{"spanscore":' + orjson.dumps(mark.as_json()) + comma + rest


def mark_protobuf(body: bytes, mark: Mark) -> bytes:
    """An Export request with the mark as its first field."""
    text = orjson.dumps(mark.as_json())
    return _varint(FIELD << 3 | _LENGTH_DELIMITED) + _varint(len(text)) + text + body


def read_json(line: bytes) -> Mark | None:
    """The mark of an OTLP/JSON object; None without one. Raises MarkError."""
    if not _MENTIONED.search(line):
        return None
    document = _loads(line)
    return _mark(document[MEMBER]) if isinstance(document, dict) and MEMBER in document else None


def split_protobuf(body: bytes) -> tuple[Mark | None, bytes]:
    """The mark of an Export request (None without one), and the request without it.

    Raises MarkError.
    """
    mark = None
    kept, start = [], 0
    for field, begin, content, end in _fields(body):
        if field == FIELD:
            mark = _mark(_loads(body[content:end]))
            kept.append(body[start:begin])
            start = end
    return (mark, b"".join([*kept, body[start:]])) if mark else (None, body)


def _loads(text: bytes) -> Any:
    """The JSON value; None for what is no JSON, which is refused where it is read."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _mark(members: Any) -> Mark:
    try:
        signal = Signal[members["signal"].upper()]
        mark = Mark(signal, members["origin"], int(members["receivedTimeUnixNano"]))
        if mark.origin in ORIGINS and 0 < mark.received_ns < 2**63:
            return mark
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise MarkError("the mark of spanscore in this request is damaged")


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _fields(body: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number, begin, begin of the content and end of each field at the top of a message.

    Ends at what is no message; the parser says so later.
    """
    position = 0
    while position < len(body):
        begin = position
        tag, position = _read_varint(body, position)
        wire_type = tag & 7
        content = position
        if wire_type == _LENGTH_DELIMITED:
            length, content = _read_varint(body, position)
            position = content + length
        elif wire_type == 0:
            _, position = _read_varint(body, position)
        elif wire_type in _SIZES:
            position += _SIZES[wire_type]
        else:
            return
        if position > len(body) or position <= begin:
            return
        yield tag >> 3, begin, content, position


def _read_varint(body: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and where it ends; beyond the body where it is cut off."""
    number = shift = 0
    while position < len(body) and shift < 70:
        byte = body[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
    return number, len(body) + 1

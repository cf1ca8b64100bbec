"""OTLP/JSON to OTLP protobuf: one converter, built from the protobuf descriptors.

OTLP/JSON is proto3 JSON with these exceptions (OTLP 1.11, "JSON Protobuf Encoding"): trace and span
ids are hexadecimal, enums are numbers only, and keys are lowerCamelCase only.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.descriptor import FieldDescriptor as Field

from spanscore.collector.signals import Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

# So many messages deep protobuf parses again what it has serialized.
MAX_DEPTH = 100

_Read = Callable[[Any, Any, int], None]  # message, JSON value, depth of the message
_Convert = Callable[[Any], Any]  # JSON value to the value of a field


def json_to_protobuf(signal: Signal, body: bytes) -> Message:
    """The message `signal.request_type` that an OTLP/JSON body says.

    Unknown keys are ignored and null means absent; of a oneof the last member wins, and so does the
    last of equal keys. 64-bit integers may be numbers or decimal text, doubles also "NaN",
    "Infinity" and "-Infinity". Half a surrogate pair in text, which JavaScript writes when it cuts
    a string inside an emoji, becomes U+FFFD. The message can always be serialized and parsed again.

    Raises ValueError with path and reason for anything else (no JSON, no UTF-8, a wrong type, a
    number out of range, nesting beyond what protobuf parses), such as
    `resourceSpans[0].scopeSpans[0].spans[3].traceId: expected hexadecimal digits, got 7`.
    """
    message = signal.request_type()
    try:
        _READERS[message.DESCRIPTOR.full_name](message, _parse(body), 0)
    except _WrongValueError as error:
        raise ValueError(str(error)) from None
    return message


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        repaired = _ESCAPE.sub(_whole_surrogate, body)
        if repaired == body:
            # The original error holds the whole body.
            raise ValueError(f"invalid JSON: {error}") from None
    return _parse(repaired)


# An escape in JSON text: a surrogate pair, half a pair, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)


def _whole_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


class _WrongValueError(Exception):
    """A value that its field cannot take."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[str] = []  # innermost first: it grows while the error climbs out

    def __str__(self) -> str:
        path = "".join(reversed(self.path)).lstrip(".")
        return f"{path or 'the body'}: {self.args[0]}"


def _wrong(expected: str, value: object) -> _WrongValueError:
    # Text stays out of the error, it may be secret.
    got = _KINDS.get(type(value)) or orjson.dumps(value).decode()
    return _WrongValueError(f"expected {expected}, got {got}")


_KINDS: dict[type, str] = {str: "text", dict: "an object", list: "an array"}


def _reader(descriptor: Any, known: dict[str, _Read]) -> _Read:
    """Fills a message of this type from a JSON object; `known` ends the recursion of AnyValue."""
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    scalars: dict[str, tuple[str, _Convert]] = {}
    others: dict[str, tuple[str, _Read]] = {}

    def read(message: Any, value: Any, depth: int) -> None:
        if type(value) is not dict:
            raise _wrong("an object", value)
        key = ""
        try:
            for key, item in value.items():
                if item is None:
                    continue
                if key in scalars:
                    name, convert = scalars[key]
                    setattr(message, name, convert(item))
                elif key in others:
                    name, fill = others[key]
                    fill(getattr(message, name), item, depth)
        except _WrongValueError as error:
            error.path.append(f".{key}")
            raise

    known[descriptor.full_name] = read
    for field in descriptor.fields:
        if field.type != Field.TYPE_MESSAGE and not field.is_repeated:
            scalars[field.json_name] = field.name, _converter(field)
        else:
            others[field.json_name] = field.name, _filler(field, known)
    return read


def _filler(field: Field, known: dict[str, _Read]) -> _Read:
    """Fills a field that is a message or repeated from a JSON value that is not null."""
    if field.type != Field.TYPE_MESSAGE:
        return _scalars(_converter(field))
    read = _reader(field.message_type, known)
    return _messages(read) if field.is_repeated else _message(read)


def _message(read: _Read) -> _Read:
    def fill(part: Any, value: Any, depth: int) -> None:
        part.SetInParent()  # an empty object is present, too
        read(part, value, _deeper(depth))

    return fill


def _messages(read: _Read) -> _Read:
    def fill(parts: Any, value: Any, depth: int) -> None:
        items, depth = _array(value), _deeper(depth)
        try:
            for item in items:
                read(parts.add(), item, depth)
        except _WrongValueError as error:
            error.path.append(f"[{len(parts) - 1}]")
            raise

    return fill


def _scalars(convert: _Convert) -> _Read:
    def fill(values: Any, value: Any, _: int) -> None:
        items = _array(value)
        try:
            for item in items:
                values.append(convert(item))
        except _WrongValueError as error:
            error.path.append(f"[{len(values)}]")
            raise

    return fill


def _array(value: Any) -> list[Any]:
    if type(value) is not list:
        raise _wrong("an array", value)
    return value


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise _WrongValueError(f"nested more than {MAX_DEPTH} messages deep")
    return depth + 1


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _wrong("text", value)
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong("true or false", value)
    return value


def _hexadecimal(value: Any) -> bytes:
    try:
        return binascii.unhexlify(_text(value))
    except (ValueError, _WrongValueError):
        raise _wrong("hexadecimal digits, two a byte", value) from None


def _base64(value: Any) -> bytes:
    # proto3 JSON takes the standard and the URL-safe alphabet, padded or not.
    text = _text(value).translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _wrong("base64", value) from None


_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def _enum(value: Any) -> int:
    if type(value) is str:
        raise _WrongValueError("expected a number: OTLP/JSON takes no names for enum values")
    return _int32(value)


def _integer(bits: int, *, signed: bool) -> Callable[[Any], int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def convert(value: Any) -> int:
        number: int = value if type(value) is int else _whole_number(value)
        if low <= number <= high:
            return number
        raise _WrongValueError(f"out of range, {low} to {high}")

    return convert


def _whole_number(value: Any) -> int:
    """The integer in decimal text, or in a number such as 1.0 or 1e3."""
    if type(value) is str:
        if len(value) <= _INT64_DIGITS and value.isascii() and value.removeprefix("-").isdigit():
            return int(value)
        value = _finite(value)
    if type(value) is float and value.is_integer():
        return int(value)
    raise _wrong("an integer", value)


_INT64_DIGITS = 20  # of the largest uint64, and of the smallest int64 with its sign


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        return _NOT_FINITE[value] if value in _NOT_FINITE else _finite(value)
    raise _wrong("a number", value)


_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def _finite(text: str) -> float:
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    raise _wrong("a number", text)


def _converter(field: Field) -> _Convert:
    return _hexadecimal if field.name in _HEXADECIMAL else _CONVERTERS[field.type]


_HEXADECIMAL = frozenset({"trace_id", "span_id", "parent_span_id"})
_int32, _uint32 = _integer(32, signed=True), _integer(32, signed=False)
_int64, _uint64 = _integer(64, signed=True), _integer(64, signed=False)
_CONVERTERS: dict[int, _Convert] = {
    Field.TYPE_STRING: _text,
    Field.TYPE_BYTES: _base64,
    Field.TYPE_BOOL: _boolean,
    Field.TYPE_ENUM: _enum,
    Field.TYPE_DOUBLE: _double,
    Field.TYPE_FLOAT: _double,
    Field.TYPE_INT32: _int32,
    Field.TYPE_SINT32: _int32,
    Field.TYPE_SFIXED32: _int32,
    Field.TYPE_UINT32: _uint32,
    Field.TYPE_FIXED32: _uint32,
    Field.TYPE_INT64: _int64,
    Field.TYPE_SINT64: _int64,
    Field.TYPE_SFIXED64: _int64,
    Field.TYPE_UINT64: _uint64,
    Field.TYPE_FIXED64: _uint64,
}
_READERS: dict[str, _Read] = {}
for _signal in Signal:
    _reader(_signal.request_type.DESCRIPTOR, _READERS)

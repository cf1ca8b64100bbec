"""Requests as the OTel Collector's file exporter writes them: JSON lines, or protobuf."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO, Literal

from ..decode.to_json import to_json
from ..inbox import Request
from .mark import Mark, mark_json, mark_protobuf

OtlpForm = Literal["otlp-json", "otlp-proto"]

_LENGTH = struct.Struct(">I")


def write_otlp(
    requests: Iterable[tuple[Request, int]],
    file: BinaryIO,
    form: OtlpForm,
    wrote: Callable[[int], None],
) -> None:
    """Write each request, marked; `wrote` is told how many rows it had.

    JSON: a request a line. Protobuf: each after its length as 4 bytes, the highest first.
    """
    encode = _json_line if form == "otlp-json" else _prefixed
    for request, number in requests:
        file.write(encode(request))
        wrote(number)


def _json_line(request: Request) -> bytes:
    message = request.signal.request_type.FromString(request.body)
    return mark_json(to_json(message), _mark(request)) + b"\n"


def _prefixed(request: Request) -> bytes:
    body = mark_protobuf(request.body, _mark(request))
    return _LENGTH.pack(len(body)) + body


def _mark(request: Request) -> Mark:
    return Mark(request.signal, request.origin, request.received_ns)

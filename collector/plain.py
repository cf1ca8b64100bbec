"""Arrow columns as plain values, the ones that JSON and CSV print.

NULL is None. Numbers keep every digit: 64-bit integers and decimals stay numbers, however long.
What JSON has no number for becomes "NaN", "Infinity" or "-Infinity", as OTLP/JSON writes them.
Times are ISO 8601 in UTC with the digits of their unit (TIMESTAMP: microseconds), intervals are
ISO 8601 durations, BLOBs are base64, MAPs and STRUCTs are objects, LISTs and ARRAYs are arrays.
"""

from __future__ import annotations

import itertools
import math
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import types

_OUT_OF_RANGE = "<value out of range: "  # what Arrow prints for the engine's infinite times
_INFINITE_VALUES = {2**63 - 1, 2**31 - 1}


def json_values(column: pa.Array) -> list[Any]:
    """The values of a column as orjson prints them; one entry a row."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return json_values(column.storage)
    if types.is_dictionary(kind):
        return json_values(column.dictionary_decode())
    if types.is_floating(kind):
        return _floats(column)
    if types.is_decimal(kind):
        return [None if v is None else orjson.Fragment(format(v, "f")) for v in column.to_pylist()]
    if types.is_temporal(kind):
        return _times(column)
    if _is_binary(kind):
        return [None if v is None else b64encode(v).decode() for v in column.to_pylist()]
    if types.is_nested(kind):
        return _nested(column)
    return list(column.to_pylist())


def texts(column: pa.Array) -> list[str | None]:
    """The same values as text: strings as they are, everything else as its JSON."""
    return [
        value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
        for value in json_values(column)
    ]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def _floats(column: pa.Array) -> list[Any]:
    values = column.to_pylist()
    if column.type == pa.float32():
        # Widened bit by bit 0.1 would print as 0.10000000149011612.
        values = [None if v is None else float(v) for v in column.cast(pa.string()).to_pylist()]
    return [v if v is None or math.isfinite(v) else _not_finite(v) for v in values]


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _times(column: pa.Array) -> list[str | None]:
    kind = column.type
    if kind == pa.month_day_nano_interval():
        return [None if v is None else _duration(*v) for v in column.to_pylist()]
    zone = ""
    if types.is_timestamp(kind) and kind.tz is not None:
        column, zone = column.cast(pa.timestamp(kind.unit)), "Z"
    return [None if v is None else _iso(v, zone) for v in column.cast(pa.string()).to_pylist()]


def _iso(text: str, zone: str) -> str:
    if text.startswith(_OUT_OF_RANGE):
        number = int(text[len(_OUT_OF_RANGE) : -1])
        infinite = abs(number) in _INFINITE_VALUES
        return ("infinity" if number > 0 else "-infinity") if infinite else text
    return text.replace(" ", "T") + zone


def _duration(months: int, days: int, nanoseconds: int) -> str:
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    sign = "-" if nanoseconds < 0 else ""
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"P{months}M{days}DT{sign}{seconds}{fraction}S"


def _nested(column: pa.Array) -> list[Any]:
    kind = column.type
    valid = column.is_valid().to_pylist()
    if types.is_struct(kind):
        names = [field.name for field in kind]
        if not names:
            return [{} if present else None for present in valid]
        rows: Iterable[Any] = zip(*map(json_values, column.flatten()), strict=True)
        return [
            dict(zip(names, row, strict=True)) if present else None
            for present, row in zip(valid, rows, strict=True)
        ]
    if types.is_union(kind):
        return [_union_member(scalar) for scalar in column]
    if types.is_map(kind):
        start, spans = _spans(column.offsets)
        length = spans[-1][1] if spans else 0
        keys = texts(column.keys.slice(start, length))
        items = json_values(column.items.slice(start, length))
        return [
            dict(zip(keys[begin:end], items[begin:end], strict=True)) if present else None
            for present, (begin, end) in zip(valid, spans, strict=True)
        ]
    return _lists(column, valid)


def _lists(column: pa.Array, valid: list[bool]) -> list[Any]:
    if types.is_fixed_size_list(column.type):
        size = column.type.list_size
        start = column.offset * size
        spans = [(row * size, (row + 1) * size) for row in range(len(column))]
    else:
        start, spans = _spans(column.offsets)
    values = json_values(column.values.slice(start, spans[-1][1] if spans else 0))
    return [
        values[begin:end] if present else None
        for present, (begin, end) in zip(valid, spans, strict=True)
    ]


def _spans(offsets: pa.Array) -> tuple[int, list[tuple[int, int]]]:
    """Where the children begin, and for each row the range of its children from there."""
    ends = offsets.to_pylist()
    start = ends[0] if ends else 0
    return start, [(a - start, b - start) for a, b in itertools.pairwise(ends)]


def _union_member(scalar: Any) -> Any:
    value = scalar.value
    if value is None or not value.is_valid:
        return None
    return json_values(pa.array([value.as_py()], type=value.type))[0]

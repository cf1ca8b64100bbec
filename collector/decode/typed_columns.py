"""The attribute keys that are typed columns beside the MAP, as typed_columns.tsv lists them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_ARROW_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# int64 without a look at the value; longer ones are read one by one.
_SHORT_INTEGER = "^-?[0-9]{1,18}$"


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """An attribute key that fills a column of its own; `type` is VARCHAR, BIGINT or DOUBLE."""

    key: str
    column: str
    type: str
    tables: frozenset[str]

    @property
    def arrow_type(self) -> Any:
        """The Arrow type of the column."""
        return _ARROW_TYPES[self.type]


def _read_file() -> tuple[TypedColumn, ...]:
    lines = files(__package__).joinpath("typed_columns.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(TypedColumn(k, c, t, frozenset(tables.split(","))) for k, c, t, tables in rows[1:])


_ALL = _read_file()


def typed_columns(table: str) -> tuple[TypedColumn, ...]:
    """The typed columns of a base table (span, log or metric_point), in the order of the file."""
    return tuple(column for column in _ALL if table in column.tables)


def convert(texts: Any, arrow_type: Any) -> Any:
    """Texts of attribute values as a typed column: NULL where a text is no finite number.

    An integer may be written with an exponent or a fraction of zeros ("2100", "2.1e3", "2100.0").
    """
    if arrow_type == pa.string():
        return texts
    if arrow_type == pa.int64():
        short = pc.match_substring_regex(texts, _SHORT_INTEGER)
        if short.true_count == len(texts):
            return texts.cast(pa.int64())
        return pa.array([_integer(text) for text in texts.to_pylist()], pa.int64())
    return pa.array([_double(text) for text in texts.to_pylist()], pa.float64())


def _double(text: str | None) -> float | None:
    if text is None or len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str | None) -> int | None:
    if text is None or len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    try:
        number = int(text)
    except ValueError:
        fraction = float(text)
        if not fraction.is_integer():  # False for infinity too
            return None
        number = int(fraction)
    return number if -(2**63) <= number < 2**63 else None

"""Rows of two engines, cell by cell."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pyarrow as pa

Rows = list[tuple[Any, ...]]


def comparable(table: pa.Table) -> Rows:
    """The rows in an order that both engines share, with types that both have."""
    rows = [tuple(map(plain, row.values())) for row in table.to_pylist(maps_as_pydicts="strict")]
    return sorted(rows, key=lambda row: repr([rounded(value) for value in row]))


def plain(value: Any) -> Any:
    """A value without what differs in form only: UTC said or unsaid, the order of a map."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, dict):
        return sorted((key, plain(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def rounded(value: Any) -> Any:
    """For sorting alone: floats that are equal for us must not part two rows."""
    return f"{value:.9e}" if isinstance(value, float) else value


def same(one: Any, other: Any) -> bool:
    """Equal; floats to 1e-12 of their size."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=0.0) or one == other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)

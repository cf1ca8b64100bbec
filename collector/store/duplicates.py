"""Tells spans that are new from spans that came before, and finds ids used twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

MAX_WINDOWS = 8
"""How many separate stretches of time one batch is looked up in; nearer ones are merged."""

_SELECT_KNOWN = """
SELECT s.origin, s.trace_id, s.span_id, s.start_ns, s.end_ns
FROM span AS s
SEMI JOIN suspect AS i ON s.trace_id = i.trace_id AND s.span_id = i.span_id
WHERE s.start_ns BETWEEN ? AND ?
"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A span whose id was known: with other times (not stored), or from another origin (stored)."""

    kind: str
    origin: str
    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    known_origin: str
    known_start_ns: int
    known_end_ns: int


@dataclass(frozen=True, slots=True)
class Split:
    """`spans`: the rows to store; `duplicates`: how many were left out because they are known."""

    spans: pa.Table
    duplicates: int
    conflicts: list[Conflict]


def split(connection: duckdb.DuckDBPyConnection, spans: pa.Table, known_windows: pa.Table) -> Split:
    """Split decoded spans into those to store and those that are known.

    A span is known by (origin, trace_id, span_id). Known with the same start and end it is a
    duplicate and silently left out; with another start or end it is a conflict, and the first is
    kept. The same id from another origin is stored and counted as a conflict (design, Trust).
    `known_windows` has a row (trace_id, window_start_ns, window_end_ns) for each trace of the
    batch that was seen before: only there can a span be known.
    """
    suspects = _suspects(connection, spans, known_windows)
    if suspects is None:
        return Split(spans, 0, [])
    keep = [True] * spans.num_rows
    conflicts: list[Conflict] = []
    for row, span in _rows(spans, suspects.rows):
        keep[row] = _judge(span, suspects.known, conflicts)
    kept = spans.filter(pa.array(keep))
    return Split(kept, spans.num_rows - kept.num_rows, conflicts)


@dataclass(frozen=True, slots=True)
class _Suspects:
    rows: pa.Array
    known: dict[tuple[str, str], list[tuple[str, int, int]]]


def _suspects(
    connection: duckdb.DuckDBPyConnection, spans: pa.Table, known_windows: pa.Table
) -> _Suspects | None:
    """The rows whose span id is stored or stands twice in the batch; None if there are none."""
    stored = _stored(connection, spans, known_windows)
    ids = spans["span_id"].combine_chunks()
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not stored and not len(twice):
        return None
    known: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for origin, trace_id, span_id, start_ns, end_ns in stored:
        known[trace_id, span_id].append((origin, start_ns, end_ns))
    known_ids = pa.array([span_id for _, span_id in known], pa.string())
    mask = pc.is_in(ids, value_set=pa.concat_arrays([known_ids, twice.cast(pa.string())]))
    return _Suspects(pc.indices_nonzero(mask), known)


def _stored(
    connection: duckdb.DuckDBPyConnection, spans: pa.Table, known_windows: pa.Table
) -> list[tuple[str, str, str, int, int]]:
    if not known_windows.num_rows:
        return []
    mask = pc.is_in(spans["trace_id"], value_set=known_windows["trace_id"].combine_chunks())
    connection.register("suspect", spans.select(["trace_id", "span_id"]).filter(mask))
    try:
        found: list[tuple[str, str, str, int, int]] = []
        for start_ns, end_ns in _merge(_windows(known_windows)):
            found += connection.execute(_SELECT_KNOWN, [start_ns, end_ns]).fetchall()
        return found
    finally:
        connection.unregister("suspect")


def _windows(known_windows: pa.Table) -> list[tuple[int, int]]:
    starts = known_windows["window_start_ns"].to_pylist()
    ends = known_windows["window_end_ns"].to_pylist()
    return sorted({(s, e) for s, e in zip(starts, ends, strict=True) if s is not None})


def _merge(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping stretches become one; then the nearest ones, until MAX_WINDOWS are left."""
    merged: list[tuple[int, int]] = []
    for start, end in windows:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    while len(merged) > MAX_WINDOWS:
        nearest = min(range(1, len(merged)), key=lambda i: merged[i][0] - merged[i - 1][1])
        merged[nearest - 1 : nearest + 1] = [(merged[nearest - 1][0], merged[nearest][1])]
    return merged


def _rows(spans: pa.Table, rows: pa.Array) -> Iterator[tuple[int, dict[str, Any]]]:
    columns = ["origin", "trace_id", "span_id", "start_ns", "end_ns"]
    taken: Iterable[dict[str, Any]] = spans.select(columns).take(rows).to_pylist()
    return zip(rows.to_pylist(), taken, strict=True)


def _judge(
    span: dict[str, Any],
    known: dict[tuple[str, str], list[tuple[str, int, int]]],
    conflicts: list[Conflict],
) -> bool:
    """Whether the span is to be stored; adds to `known` and `conflicts`."""
    others = known.setdefault((span["trace_id"], span["span_id"]), [])
    for known_origin, known_start_ns, known_end_ns in others:
        same_origin = known_origin == span["origin"]
        same_times = (known_start_ns, known_end_ns) == (span["start_ns"], span["end_ns"])
        if same_origin and same_times:
            return False
        kind = "times" if same_origin else "origin"
        conflicts.append(
            Conflict(kind, **span, known_origin=known_origin,
                     known_start_ns=known_start_ns, known_end_ns=known_end_ns)
        )  # fmt: skip
        if same_origin:
            return False
    others.append((span["origin"], span["start_ns"], span["end_ns"]))
    return True

"""The waterfall of a run: its rows in order, as numbers for all and texts for a window of them.

The browser gets the numbers of every row once (18 bytes each: where the bar is, how deep, of what
kind), so that it draws, steps and replays by itself; names it asks for as it scrolls.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanscore.instrumentation.conventions import Role

from .reads import Row
from .track import track
from .tree import NONE, in_order, parent_items
from .waterfall_spans import Parts, read_parts
from .words import compact

WINDOW_ROWS = 500
"""The most rows whose texts one request gets."""

MAX_WAITS = 10_000

KINDS = ("other", "run", "setup", "agent", "model", "tool", "verify")
IS_ERROR, IS_OPEN, IS_ORPHAN, IS_AGENTS = 16, 32, 64, 128
"""A row's code is the index of its kind, plus these: failed; not ended; its parent never came; told
by the agent, not by the harness."""

_KIND_OF_ROLE: Mapping[str, str] = {
    Role.CELL_RUN: "run",
    Role.TASK_SETUP: "setup",
    Role.APPLY_PLUGINS: "setup",
    Role.WORKSPACE_DIFF: "setup",
    Role.CLEANUP: "setup",
    Role.ADAPTER_RUN: "agent",
    Role.CONTAINER: "agent",
    Role.VERIFY: "verify",
}

_TEXTS = ("trace_id", "span_id", "origin", "name")


@dataclass(frozen=True, slots=True)
class Waterfall:
    """One run's waterfall as of one moment."""

    version: int
    """When the views of the run were computed, ns: another one has other rows."""
    about: Row
    """What the browser must know before it draws, ready for JSON."""
    shape: bytes
    """For every row, column after column, little-endian: start and duration in ms (float64,
    float32), row of the parent (int32, -1: none), depth and code (uint8)."""
    table: pa.Table
    """The rows' texts, in the order of the rows."""

    def window(self, first: int, last: int) -> list[list[Any]]:
        """The texts of the rows from `first` up to `last`, at most WINDOW_ROWS."""
        first = max(first, 0)
        length = min(max(last - first, 0), WINDOW_ROWS)
        return _texts(self.table.slice(first, length))

    def texts(self) -> list[list[Any]]:
        """The texts of all rows, for a page that is saved."""
        return _texts(self.table)

    def row_of(self, trace_id: str, span_id: str) -> int | None:
        """The row of a span, that of the harness before others; None if it is not shown."""
        same = pa.compute.and_(
            pa.compute.equal(self.table["span_id"], span_id),
            pa.compute.equal(self.table["trace_id"], trace_id),
        )
        found = np.flatnonzero(same.to_numpy())
        if not len(found):
            return None
        trusted = [n for n in found if self.table["origin"][n].as_py() in ("harness", "import")]
        return int((trusted or found)[0])


def read_waterfall(
    cursor: duckdb.DuckDBPyConnection, run_id: str, most: int | None = None
) -> Waterfall | None:
    """The waterfall of a run as it is now, of at most so many spans; None: there is no such run."""
    parts = read_parts(cursor, run_id, most)
    return None if parts is None else build(parts, time.time_ns())


def build(parts: Parts, now_ns: int) -> Waterfall:
    """The waterfall of what was read; what is still open of a running run lasts until `now_ns`."""
    spans = parts.spans
    starts = _numbers(spans["start_ns"])
    ends = starts + np.maximum(_numbers(spans["duration_ns"]), 0)
    is_open = spans["is_open"].to_numpy()
    start_ns = int(min(starts, default=parts.run["start_ns"] or 0))
    end_ns = int(max(ends, default=start_ns))
    if parts.run["status"] == "running":
        end_ns = max(end_ns, now_ns)
    end_ns = max(end_ns, start_ns + 1)
    ends = np.where(is_open, end_ns, ends)
    keys = _keys(spans["trace_id"], spans["span_id"])
    parents = parent_items(keys, _keys(spans["trace_id"], spans["parent_span_id"]))
    tree = in_order(parents, starts)
    is_orphan = (parents == NONE) & spans["parent_span_id"].is_valid().to_numpy()
    codes = _codes(spans, is_orphan)
    columns = (
        ((starts - start_ns) / 1e6)[tree.items].astype("<f8"),
        ((ends - starts) / 1e6)[tree.items].astype("<f4"),
        tree.parents.astype("<i4"),
        np.minimum(tree.depths, 255).astype("u1"),
        codes[tree.items],
    )
    table = spans.take(pa.array(tree.items)).combine_chunks()
    about = _about(parts, table, start_ns, end_ns)
    return Waterfall(
        version=parts.run["computed_at_ns"],
        about=about,
        shape=b"".join(column.tobytes() for column in columns),
        table=table,
    )


def _about(parts: Parts, table: pa.Table, start_ns: int, end_ns: int) -> Row:
    phases = [
        [row["role"], (row["start_ns"] - start_ns) / 1e6, _end_ms(row, start_ns, end_ns)]
        for row in parts.spans.filter(
            pa.compute.is_in(parts.spans["role"], pa.array(list(_KIND_OF_ROLE)))
        )
        .slice(0, 100)
        .to_pylist()
        if row["origin"] in ("harness", "import")
    ]
    return {
        "version": str(parts.run["computed_at_ns"]),
        "status": parts.run["status"],
        "rows": table.num_rows,
        "spans": parts.run["spans"],
        "start_ns": str(start_ns),
        "total_ms": (end_ns - start_ns) / 1e6,
        "kinds": KINDS,
        "phases": phases,
        "waits": _waits(parts.calls, table, start_ns),
        "track": track(parts.calls, parts.tools, start_ns),
    }


def _end_ms(row: Row, start_ns: int, end_ns: int) -> float:
    end = end_ns if row["is_open"] else row["start_ns"] + max(row["duration_ns"], 0)
    return float(end - start_ns) / 1e6


def _waits(calls: pa.Table, table: pa.Table, start_ns: int) -> list[list[float]]:
    """What passed before each retry: the row that it is drawn on, its start and length in ms."""
    failing = calls.filter(calls["is_failed"])["call_id"]
    again = calls.filter(pa.compute.is_in(calls["call_id"], failing.combine_chunks()))
    keys = _keys(table["trace_id"], table["span_id"])
    rows = parent_items(keys, _keys(again["trace_id"], again["span_id"])).tolist()
    found: list[list[float]] = []
    ended: dict[str, int] = {}
    for row, call in zip(rows, again.to_pylist(), strict=True):
        before_ns = ended.pop(call["call_id"], None)
        if before_ns is not None and row != NONE and call["start_ns"] > before_ns:
            wait_ns = call["start_ns"] - before_ns
            found.append([row, (before_ns - start_ns) / 1e6, wait_ns / 1e6])
        if call["is_failed"] and call["end_ns"] is not None:
            ended[call["call_id"]] = call["end_ns"]
    return found[:MAX_WAITS]


def _keys(traces: pa.ChunkedArray, spans: pa.ChunkedArray) -> pa.ChunkedArray:
    """What tells spans apart; NULL where there is no span."""
    return pa.compute.binary_join_element_wise(traces, spans, "/")


def _codes(spans: pa.Table, is_orphan: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    roles = spans["role"].combine_chunks().dictionary_encode()
    kinds = [KINDS.index(_KIND_OF_ROLE.get(role, "other")) for role in roles.dictionary.to_pylist()]
    indices = roles.indices.fill_null(len(kinds)).to_numpy()
    codes = np.array([*kinds, 0], np.uint8)[indices]
    codes = np.where(spans["is_tool"].to_numpy(), KINDS.index("tool"), codes)
    codes = np.where(spans["is_call"].to_numpy(), KINDS.index("model"), codes)
    is_agents = ~np.isin(spans["origin"].to_numpy(), ["harness", "import"])
    flags = (
        (spans["is_error"].to_numpy(), IS_ERROR),
        (spans["is_open"].to_numpy(), IS_OPEN),
        (is_orphan, IS_ORPHAN),
        (is_agents, IS_AGENTS),
    )
    for is_so, flag in flags:
        codes = codes | np.where(is_so, flag, 0)
    return np.asarray(codes, np.uint8)


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return numbers


def _texts(table: pa.Table) -> list[list[Any]]:
    return [[*(row[name] for name in _TEXTS), _label(row)] for row in table.to_pylist()]


def _label(row: Row) -> str:
    """What is said beside the name: model and tokens, status and retry, tool and timing."""
    parts: list[str] = []
    if row["is_call"]:
        parts.append((row["model"] or "").rpartition("/")[2])
        if row["input_tokens"] is not None or row["output_tokens"] is not None:
            tokens = (compact(row["input_tokens"]), compact(row["output_tokens"]))
            parts.append("{} in, {} out".format(*tokens))
        parts += _outcome(row)
        if row["purpose"] == "auxiliary":
            parts.append("auxiliary")
    elif row["is_tool"]:
        parts.append(row["tool"] or "")
        if row["timing"] not in (None, "measured"):
            parts.append(row["timing"])
    if row["is_open"]:
        parts.append("not ended")
    return " \u00b7 ".join(part for part in parts if part)[:200]


def _outcome(row: Row) -> list[str]:
    told = []
    if row["error_type"] is not None or (row["http_status"] or 0) >= 400:
        status, error = row["http_status"], row["error_type"]
        told.append(" ".join(str(v) for v in dict.fromkeys([str(status or ""), error]) if v))
    if (row["attempts"] or 1) > 1:
        told.append(f"{row['attempts']} attempts")
    elif (row["attempt"] or 1) > 1:
        told.append(f"retry {row['attempt'] - 1}")
    return told

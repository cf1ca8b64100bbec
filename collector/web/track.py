"""What a replay shows beside the spans: calls, tokens and the last tool at each moment of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MAX_SAMPLES = 20_000
"""Moments that are kept of a run with more; each has the sums up to it, so none is wrong."""

MAX_TOOLS = 500
"""Names of tools that are told apart."""

Floats = npt.NDArray[np.float64]


def track(calls: pa.Table, tools: pa.Table, start_ns: int) -> dict[str, Any]:
    """The state after each change, as columns: `at_ms` from the start, in order, and sums.

    A call counts when it begins, its tokens when it ends. `calls_without_tokens` counts those that
    may have used some which nobody counted: the tokens are then at least so many. `tool` is an
    index into `tools`, -1 before the first. `calls` has the rows of `model_calls` by start, `tools`
    those of `tool_calls`.
    """
    began = _ms(calls["start_ns"], start_ns)
    ended = _ms(pa.compute.coalesce(calls["end_ns"], calls["start_ns"]), start_ns)
    used = _ms(tools["start_ns"], start_ns)
    names, which = _names(tools["tool"])
    n_calls, n_tools = len(began), len(used)
    at_ms = np.concatenate([began, ended, used])
    order = np.argsort(at_ms, kind="stable")

    def summed(began_by: Any = 0, ended_by: Any = 0, used_by: Any = 0) -> list[int]:
        parts = ((began_by, n_calls), (ended_by, n_calls), (used_by, n_tools))
        change = np.concatenate([np.broadcast_to(part, count) for part, count in parts])
        return thin(np.cumsum(change[order]))

    failed = np.asarray(calls["is_failed"].to_numpy(), bool)
    input_tokens, output_tokens = _filled(calls["input_tokens"]), _filled(calls["output_tokens"])
    lacks = np.asarray(calls["tokens_unknown"].to_numpy(), bool)
    picks = np.unique(np.linspace(0, len(order) - 1, min(len(order), MAX_SAMPLES)).astype(int))

    def thin(values: npt.NDArray[Any]) -> list[Any]:
        kept: list[Any] = values[picks].tolist() if len(order) else []
        return kept

    latest = np.concatenate([np.full(2 * n_calls, -1), which])[order]
    seen = np.maximum.accumulate(np.where(latest >= 0, np.arange(len(order)), -1))
    return {
        "at_ms": [round(at, 3) for at in thin(at_ms[order])],
        "calls": summed(began_by=1),
        "failed": summed(ended_by=failed.astype(int)),
        "input_tokens": summed(ended_by=np.maximum(input_tokens, 0)),
        "output_tokens": summed(ended_by=np.maximum(output_tokens, 0)),
        "calls_without_tokens": summed(ended_by=lacks.astype(int)),
        "tool_calls": summed(used_by=1),
        "tool": thin(np.where(seen >= 0, latest[seen], -1)) if len(order) else [],
        "tools": names,
    }


def _ms(column: pa.ChunkedArray, start_ns: int) -> Floats:
    milliseconds: Floats = (column.to_numpy().astype(np.int64) - start_ns) / 1e6
    return milliseconds


def _filled(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """NULL as -1."""
    filled: npt.NDArray[np.int64] = column.fill_null(-1).to_numpy().astype(np.int64)
    return filled


def _names(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The names, those after MAX_TOOLS as one, and the index of each row's."""
    encoded = column.fill_null("unnamed").combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    which = np.minimum(encoded.indices.to_numpy().astype(np.int64), MAX_TOOLS)
    return names[:MAX_TOOLS] + (["another"] if len(names) > MAX_TOOLS else []), which

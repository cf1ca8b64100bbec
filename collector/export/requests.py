"""What is selected for export, as the Export requests that it came in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..inbox import Request
from ..signals import Signal
from ..store.stored import TABLES, Identities, as_requests, select_rows
from .selection import Selection
from .source import Source, rows

_OF_RUNS = {
    Signal.TRACES: "trace_id IN (SELECT trace_id FROM trace WHERE {runs})",
    Signal.LOGS: "rowid IN (SELECT row_id FROM log_joined WHERE {rows})",
    Signal.METRICS: "rowid IN (SELECT row_id FROM metric_point_joined WHERE {rows})",
}


def count_rows(source: Source, selection: Selection) -> int:
    """How many spans, log records and data points are selected."""
    condition = selection.of_view("received_ns")
    counts = [
        f"SELECT count(*) AS n FROM {TABLES[signal]}_joined WHERE {condition}" for signal in Signal
    ]
    return sum(int(rows(source, count)[0]["n"]) for count in counts)


def stored_requests(source: Source, selection: Selection) -> Iterator[tuple[Request, int]]:
    """What is selected as Export requests, each with how many rows it has, in bounded memory.

    Traces, then logs, then metrics, each in the order of the store. A request has what came in one
    request, as far as it is selected and stored: the same origin and receive time.
    """
    identities = Identities(partial(rows, source))
    for signal in Signal:
        with source.stream(select_rows(signal) + _where(signal, selection)) as batches:
            yield from as_requests(signal, batches, identities)


def _where(signal: Signal, selection: Selection) -> str:
    if selection.runs is None:
        return ""
    condition = _OF_RUNS[signal].format(runs=selection.runs, rows=selection.of_view("received_ns"))
    return f" WHERE {condition}"

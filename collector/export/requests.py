"""Rows of the store as the Export requests that they came in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ..decode.typed_columns import typed_columns
from ..decode.write_back import write_back
from ..inbox import Request
from ..signals import Signal
from .selection import Selection
from .source import Source, rows

MAX_ROWS = 1000
MAX_BYTES = 8 << 20
"""A request that came with more rows or bytes is exported in parts."""

_KNOWN_MOST = 1000
_TABLES = {
    Signal.TRACES: ("span", "trace_id IN (SELECT trace_id FROM trace WHERE {runs})"),
    Signal.LOGS: ("log", "rowid IN (SELECT row_id FROM log_joined WHERE {rows})"),
    Signal.METRICS: (
        "metric_point",
        "rowid IN (SELECT row_id FROM metric_point_joined WHERE {rows})",
    ),
}


def count_rows(source: Source, selection: Selection) -> int:
    """How many spans, log records and data points are selected."""
    return sum(
        int(rows(source, f"SELECT count(*) AS n FROM {_from(signal, selection)}")[0]["n"])
        for signal in Signal
    )


def stored_requests(source: Source, selection: Selection) -> Iterator[tuple[Request, int]]:
    """What is selected as Export requests, each with how many rows it has, in bounded memory.

    Traces, then logs, then metrics, each in the order of the store. A request has what came in one
    request, as far as it is selected and stored: the same origin and receive time.
    """
    for signal in Signal:
        yield from _of_signal(source, signal, selection)


def _from(signal: Signal, selection: Selection) -> str:
    table, condition = _TABLES[signal]
    if selection.runs is None:
        return table
    where = condition.format(runs=selection.runs, rows=selection.of_view("received_ns"))
    return f"{table} WHERE {where}"


def _of_signal(
    source: Source, signal: Signal, selection: Selection
) -> Iterator[tuple[Request, int]]:
    table, _ = _TABLES[signal]
    typed = ", ".join(column.column for column in typed_columns(table))
    resources, scopes = _Known(source, "resource"), _Known(source, "scope")
    with source.stream(f"SELECT * EXCLUDE ({typed}) FROM {_from(signal, selection)}") as batches:
        for group in _groups(row for batch in batches for row in batch.to_pylist()):
            yield from _encoded(signal, group, resources.of(group), scopes.of(group))


def _groups(all_rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for _, same in groupby(all_rows, key=lambda row: (row["origin"], row["received_ns"])):
        group: list[dict[str, Any]] = []
        for row in same:
            group.append(row)
            if len(group) == MAX_ROWS:
                yield group
                group = []
        if group:
            yield group


def _encoded(
    signal: Signal,
    group: Sequence[dict[str, Any]],
    resources: Mapping[int, Any],
    scopes: Mapping[int, Any],
) -> Iterator[tuple[Request, int]]:
    body = write_back(signal, group, resources, scopes).SerializeToString()
    if len(body) > MAX_BYTES and len(group) > 1:
        middle = len(group) // 2
        yield from _encoded(signal, group[:middle], resources, scopes)
        yield from _encoded(signal, group[middle:], resources, scopes)
        return
    first = group[0]
    yield Request(signal, first["origin"], first["received_ns"], body), len(group)


class _Known:
    """Rows of `resource` or `scope` by id, asked for once; the least used are let go."""

    def __init__(self, source: Source, table: str) -> None:
        self._source = source
        self._table = table
        self._rows: OrderedDict[int, dict[str, Any]] = OrderedDict()

    def of(self, group: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
        """Those that the rows of `group` name."""
        key = f"{self._table}_id"
        wanted = {row[key] for row in group}
        missing = wanted - self._rows.keys()
        if missing:
            sql = f"SELECT {key}, schema_url, raw FROM {self._table} WHERE {key} IN " + (
                f"({', '.join(map(str, sorted(missing)))})"
            )
            self._rows.update((row[key], row) for row in rows(self._source, sql))
        chosen = {number: self._rows[number] for number in wanted}
        for number in wanted:
            self._rows.move_to_end(number)
        while len(self._rows) > _KNOWN_MOST:
            self._rows.popitem(last=False)
        return chosen

"""What the base tables hold, as the Export requests that it came in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from spanscore.collector.decode.encode import encode, last_request
from spanscore.collector.decode.typed_columns import typed_columns
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

TABLES = {Signal.TRACES: "span", Signal.LOGS: "log", Signal.METRICS: "metric_point"}

_KNOWN_MOST = 4096

AskRows = Callable[[str], Iterable[dict[str, Any]]]
"""Runs one reading query of few rows."""


def select_rows(signal: Signal) -> str:
    """The beginning of a query for `as_requests`, up to its table."""
    table = TABLES[signal]
    typed = ", ".join(column.column for column in typed_columns(table))
    return f"SELECT * EXCLUDE ({typed}) FROM {table}"


def as_requests(
    signal: Signal, batches: Iterable[pa.RecordBatch], identities: Identities
) -> Iterator[tuple[Request, int]]:
    """The rows of `batches` as requests, in their order, each with how many rows it has.

    Rows next to each other with the same origin and receive time are one request, in bounded memory
    (encode.MAX_ROWS, encode.MAX_BYTES), also across batches.
    """
    for rows in _at_ends_of_requests(batches):
        resources = identities.of("resource", rows)
        scopes = identities.of("scope", rows)
        yield from encode(signal, rows, resources, scopes)


def _at_ends_of_requests(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, divided where a request ends."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        rows = pa.concat_batches([*held, batch])
        whole = rows.num_rows - last_request(rows)
        if whole:
            yield rows.slice(0, whole)
        held = [rows.slice(whole)]
    for rest in held:
        if rest.num_rows:
            yield rest


class Identities:
    """Rows of `resource` and `scope` by id, asked for once; those not used for long are let go."""

    def __init__(self, ask: AskRows) -> None:
        self._ask = ask
        self._known: dict[str, OrderedDict[int, dict[str, Any]]] = {
            "resource": OrderedDict(),
            "scope": OrderedDict(),
        }

    def of(self, table: str, rows: pa.RecordBatch) -> Mapping[int, Mapping[str, Any]]:
        """Those that the rows name. Raises what `ask` raises."""
        key, known = f"{table}_id", self._known[table]
        wanted = set(rows.column(key).unique().to_pylist())
        missing = ", ".join(map(str, sorted(wanted - known.keys())))
        if missing:
            sql = f"SELECT {key}, schema_url, raw FROM {table} WHERE {key} IN ({missing})"
            known.update((row[key], row) for row in self._ask(sql))
        for number in wanted:
            known.move_to_end(number)
        chosen = {number: known[number] for number in wanted}
        while len(known) > _KNOWN_MOST:
            known.popitem(last=False)
        return chosen

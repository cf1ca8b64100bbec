"""Export requests to Arrow tables with the columns of the base tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError as WireError

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .arrays import Ints, integers
from .containers import Records, records_of
from .errors import DecodeError
from .identity import Identity, resource_table, scope_table
from .logs import LOG, log_columns
from .metrics import METRIC_POINT, point_columns
from .traces import SPAN, span_columns
from .wire import canonical, parse


class _Layout(NamedTuple):
    """Where the records of a signal lie in a request, and what makes rows of them.

    `columns` gives the columns of a struct array of records, and for each row its record.
    """

    scopes_field: str
    records_field: str
    columns: Callable[[Any], tuple[Ints, dict[str, Any]]]


_LAYOUTS = {
    Signal.TRACES: _Layout("scope_spans", "spans", span_columns),
    Signal.LOGS: _Layout("scope_logs", "log_records", log_columns),
    Signal.METRICS: _Layout("scope_metrics", "metrics", point_columns),
}
SCHEMAS = {Signal.TRACES: SPAN, Signal.LOGS: LOG, Signal.METRICS: METRIC_POINT}
_UNREADABLE = (ValueError, WireError, pa.ArrowException)
# Large enough that the fixed cost of a part vanishes; small enough for memory, and for the 2 GiB of
# text that one Arrow array holds even where JSON writes one byte as six.
_PART_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a base table (span, log or metric_point) and of `resource` and `scope`.

    Each a pyarrow Table with the columns of its base table, in order. The resources and scopes are
    distinct, and exactly those that a record names. `requests` has for each record the index of the
    request that it came in.
    """

    records: Any
    resources: Any
    scopes: Any
    requests: Ints


def decode(signal: Signal, requests: Sequence[Request]) -> Batch:
    """Decode requests of one signal; a request without records adds no row.

    Of a field that is unknown to the installed opentelemetry-proto nothing is kept. Raises
    `DecodeError` naming the first request that is no message of this signal; nothing is decoded
    then.
    """
    try:
        return _decode(signal, requests)
    except _UNREADABLE:
        for index, request in enumerate(requests):
            _decode_alone(signal, index, request)
        raise


def _decode_alone(signal: Signal, index: int, request: Request) -> None:
    try:
        _decode(signal, [request])
    except _UNREADABLE as error:
        raise DecodeError(index, str(error)) from error


def _decode(signal: Signal, requests: Sequence[Request]) -> Batch:
    tables = []
    indexes: list[Ints] = [np.array([], np.int64)]
    resources: dict[int, Identity] = {}
    scopes: dict[int, Identity] = {}
    before = 0
    for part in _parts(requests):
        table, records, request_of_row = _part(signal, part)
        tables.append(table)
        indexes.append(before + request_of_row)
        before += len(part)
        resources |= _named(records.resources, table["resource_id"])
        scopes |= _named(records.scopes, table["scope_id"])
    table = pa.concat_tables(tables) if tables else SCHEMAS[signal].empty_table()
    return Batch(table, resource_table(resources), scope_table(scopes), np.concatenate(indexes))


def _parts(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    start, size = 0, 0
    for index, request in enumerate(requests):
        if size and size + len(request.body) > _PART_BYTES:
            yield requests[start:index]
            start, size = index, 0
        size += len(request.body)
    if requests[start:]:
        yield requests[start:]


def _part(signal: Signal, requests: Sequence[Request]) -> tuple[Any, Records, Ints]:
    bodies = [request.body for request in requests]
    try:
        return _rows(signal, requests, bodies)
    except ValueError:
        # Protobuf's own parser has the last word on what is a message.
        return _rows(signal, requests, [canonical(signal.request_type, body) for body in bodies])


def _rows(
    signal: Signal, requests: Sequence[Request], bodies: Sequence[bytes]
) -> tuple[Any, Records, Ints]:
    layout = _LAYOUTS[signal]
    records = records_of(parse(signal, bodies), layout.scopes_field, layout.records_field)
    items, columns = layout.columns(records.items)
    request_of_row = records.requests[items]
    received_ns = np.array([request.received_ns for request in requests], np.int64)
    origins = pa.array([request.origin for request in requests], pa.string())
    columns |= {
        "received_ns": integers(received_ns[request_of_row]),
        "origin": origins.take(integers(request_of_row)),
        "resource_id": integers(records.resource_ids[items]),
        "scope_id": integers(records.scope_ids[items]),
    }
    schema = SCHEMAS[signal]
    return (
        pa.table([columns[name] for name in schema.names], schema=schema),
        records,
        request_of_row,
    )


def _named(identities: Mapping[int, Identity], numbers: Any) -> dict[int, Identity]:
    return {number: identities[number] for number in numbers.unique().to_pylist()}

"""Files of a lake: rows by hour, sorted by time, as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spanscore.queries.lake.snapshot import LAST_NS

from ..decode.arrays import Ints
from ..signals import Signal
from .rows import VERSION, event_ns

HOUR_NS = 3600 * 10**9

MAX_HOURS = 256
"""Hours of one batch that get files of their own; a request of random times must not make more."""

_UNIQUE = ("span_id", "parent_span_id", "start_ns", "end_ns", "duration_ns", "time_ns")
"""Columns of which nearly every value is another: a dictionary would only grow them."""

ROW_GROUP = 100_000
COMPRESSION = {"compression": "zstd", "compression_level": 3}


def by_hour(signal: Signal, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each hour in which something happened, sorted by time, with its partition.

    A partition is `date=YYYY-MM-DD/hour=HH`, UTC. The same rows always give the same partitions,
    in the same order.
    """
    if not rows.num_rows:
        return
    times = event_ns(signal, rows).to_numpy()
    times = np.where((times > 0) & (times <= LAST_NS), times, 0)
    order = np.argsort(times, kind="stable")
    hours = _few(times[order] // HOUR_NS)
    if (np.diff(hours) < 0).any():  # some went to the hour 0 for want of room
        again = np.argsort(hours, kind="stable")
        order, hours = order[again], hours[again]
    ordered = rows.take(pa.array(order))
    starts = np.flatnonzero(np.diff(hours, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(hours)], strict=True):
        yield partition(int(hours[start])), ordered.slice(start, end - start)


def _few(hours: Ints) -> Ints:
    """Those hours beyond MAX_HOURS that hold the least are made 0."""
    distinct, counts = np.unique(hours, return_counts=True)
    if len(distinct) <= MAX_HOURS:
        return hours
    largest = distinct[np.argsort(-counts, kind="stable")[:MAX_HOURS]]
    few: Ints = np.where(np.isin(hours, largest), hours, 0)
    return few


def partition(hour: int) -> str:
    """`date=YYYY-MM-DD/hour=HH` of an hour, counted since 1970, UTC."""
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("date=%Y-%m-%d/hour=%H")


def to_parquet(rows: pa.Table, about: Mapping[str, str]) -> bytes:
    """A Parquet file of these rows; `about` goes into its metadata beside the schema's version."""
    told = {"spanscore.version": str(VERSION), **about}
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        rows.schema,
        **COMPRESSION,
        use_dictionary=[name for name in _leaves(rows.schema) if name not in _UNIQUE],
        column_encoding={
            name: "DELTA_BINARY_PACKED"
            for name in _UNIQUE
            if name in rows.schema.names and pa.types.is_integer(rows.schema.field(name).type)
        },
        store_schema=False,
    ) as writer:
        writer.write_table(rows, row_group_size=ROW_GROUP)
        writer.add_key_value_metadata(told)
    return bytes(sink.getvalue())


def about(data: bytes) -> dict[str, str]:
    """The metadata of a file; raises ArrowInvalid for what is no Parquet."""
    found = pq.read_metadata(pa.BufferReader(data)).metadata or {}
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}


def _leaves(schema: pa.Schema) -> list[str]:
    """The columns as Parquet knows them: those inside lists, structs and maps one by one."""
    leaves: list[str] = []

    def add(path: str, kind: Any) -> None:
        if pa.types.is_map(kind):
            add(f"{path}.key_value.key", kind.key_type)
            add(f"{path}.key_value.value", kind.item_type)
        elif pa.types.is_list(kind):
            add(f"{path}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for field in kind:
                add(f"{path}.{field.name}", field.type)
        else:
            leaves.append(path)

    for field in schema:
        add(field.name, field.type)
    return leaves

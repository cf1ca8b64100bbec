"""The Parquet form of telemetry: a decoded record with its resource, its scope and its origin.

Rows are those of the base tables, as they came, so that nothing is lost; each also carries what the
base tables keep apart (resource, scope), so that a file can be read alone. The run is not among the
columns: a late id moves whole traces, so it is resolved when a lake is read (queries/lake).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..decode.arrays import integers
from ..decode.batch import SCHEMAS, Batch
from ..inbox import Entry
from ..signals import Signal

VERSION = 1
"""Of the columns: a later one only adds some, and readers take what is not there as NULL."""

FOLDERS = {Signal.TRACES: "spans", Signal.LOGS: "logs", Signal.METRICS: "metric_points"}

RESOURCE_COLUMNS = {
    "service_name": "service_name",
    "service_instance_id": "service_instance_id",
    "run_id": "resource_run_id",
    "cell_id": "cell_id",
    "sweep_id": "sweep_id",
    "session_id": "resource_session_id",
    "opencode_run": "opencode_run",
    "attributes": "resource",
    "schema_url": "resource_schema_url",
    "raw": "resource_raw",
}
"""Columns of the table `resource`, and what they are called beside a record's own."""

SCOPE_COLUMNS = {
    "name": "scope_name",
    "version": "scope_version",
    "schema_url": "scope_schema_url",
    "raw": "scope_raw",
}
"""The same of the table `scope`."""

_LEFT_OUT = ("resource_id", "scope_id")

_SOURCE = pa.schema(
    [
        ("collector", pa.string()),
        ("inbox", pa.string()),
        ("position", pa.int64()),
        ("request_hash", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Source:
    """Whose rows they are: the collector's name, and its writer's id in this lake."""

    collector: str
    inbox: str


def lake_rows(signal: Signal, batch: Batch, entries: Sequence[Entry], source: Source) -> pa.Table:
    """The rows of a batch decoded from `entries`, in their order, as they lie in a lake."""
    records = batch.records
    of_resource = _beside(records["resource_id"], batch.resources, "resource_id", RESOURCE_COLUMNS)
    of_scope = _beside(records["scope_id"], batch.scopes, "scope_id", SCOPE_COLUMNS)
    own = {name: records[name] for name in records.column_names if name not in _LEFT_OUT}
    return pa.table({**own, **of_resource, **of_scope, **_source(batch, entries, source)})


def _beside(
    ids: pa.ChunkedArray, table: pa.Table, key: str, names: dict[str, str]
) -> dict[str, Any]:
    at = pc.index_in(ids, value_set=table[key].combine_chunks())
    return {new: table[old].combine_chunks().take(at) for old, new in names.items()}


def _source(batch: Batch, entries: Sequence[Entry], source: Source) -> dict[str, Any]:
    requests = integers(batch.requests)
    positions = pa.array([entry.position for entry in entries], pa.int64())
    hashes = pa.array([request_hash(entry.request.body) for entry in entries], pa.string())
    rows = batch.records.num_rows
    return {
        "collector": pa.repeat(source.collector, rows),
        "inbox": pa.repeat(source.inbox, rows),
        "position": positions.take(requests),
        "request_hash": hashes.take(requests),
    }


def request_hash(body: bytes) -> str:
    """128 bits of the sha256 of a request's body: the same body is the same request, sent again."""
    return hashlib.sha256(body).hexdigest()[:32]


def event_ns(signal: Signal, rows: pa.Table) -> pa.ChunkedArray:
    """When each row happened, ns since 1970: by it a lake is partitioned and sorted."""
    if signal is Signal.TRACES:
        return rows["start_ns"]
    if signal is Signal.METRICS:
        return rows["time_ns"]
    has_time = pc.not_equal(rows["time_ns"], 0)
    return pc.if_else(has_time, rows["time_ns"], rows["observed_ns"])


def schema(signal: Signal) -> pa.Schema:
    """The columns of a file of this signal, in order, in this version."""
    own = [field for field in SCHEMAS[signal] if field.name not in _LEFT_OUT]
    return pa.schema([*own, *_fields_beside(), *_SOURCE])


def _fields_beside() -> list[pa.Field]:
    texts = pa.string()
    kinds = {
        "resource": pa.map_(texts, texts),
        "resource_raw": pa.binary(),
        "scope_raw": pa.binary(),
    }
    return [
        pa.field(name, kinds.get(name, texts))
        for name in (*RESOURCE_COLUMNS.values(), *SCOPE_COLUMNS.values())
    ]

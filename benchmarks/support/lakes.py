"""A lake with as many made-up runs as asked for, of the rows of runs.sql, without any collector."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa

from spanscore.collector.lake.parquet import by_hour, to_parquet
from spanscore.collector.lake.rows import FOLDERS, RESOURCE_COLUMNS, SCOPE_COLUMNS, schema
from spanscore.collector.signals import Signal
from spanscore.queries.lake.storage import Storage, open_storage

from .runs import made_runs

COLLECTORS = 3
"""Each run comes from one of so many."""

_TABLES = {Signal.TRACES: "span", Signal.LOGS: "log", Signal.METRICS: "metric_point"}

_SOURCE = """
    'collector-' || CAST(r.resource_id // 2 % {collectors} AS VARCHAR) AS collector,
    'made-' || CAST(r.resource_id // 2 % {collectors} AS VARCHAR) AS inbox,
    r.resource_id AS "position",
    md5(t.origin || '{folder}' || CAST(r.resource_id AS VARCHAR)) AS request_hash"""


def make_lake(place: Path, runs: int) -> None:
    """Write the lake at `place`: the files that COLLECTORS collectors would have written.

    The same number of runs always gives the same rows. A collector seals some 140,000 spans at
    once here, so that there are files enough to look after.
    """
    storage = open_storage(place)
    with tempfile.TemporaryDirectory() as folder:
        for first, connection in made_runs(Path(folder, "made.duckdb"), runs):
            for signal in Signal:
                for collector in range(COLLECTORS):
                    rows = _rows(connection, signal, collector)
                    _seal(storage, signal, rows, f"collector-{collector}-made-{first:012d}")


def _rows(connection: duckdb.DuckDBPyConnection, signal: Signal, collector: int) -> pa.Table:
    folder, wanted = FOLDERS[signal], schema(signal)
    source = _SOURCE.format(collectors=COLLECTORS, folder=folder)
    beside = [f"r.{old} AS {new}" for old, new in RESOURCE_COLUMNS.items() if old != "raw"]
    beside += [f"s.{old} AS {new}" for old, new in SCOPE_COLUMNS.items() if old != "raw"]
    rows = connection.sql(
        f"SELECT t.* EXCLUDE (resource_id, scope_id), {', '.join(beside)}, "
        "encode(CAST(r.attributes AS VARCHAR)) AS resource_raw, encode(s.name) AS scope_raw, "
        f"{source} FROM {_TABLES[signal]} AS t JOIN resource AS r USING (resource_id) "
        f"JOIN scope AS s USING (scope_id) WHERE r.resource_id // 2 % {COLLECTORS} = {collector}"
    ).to_arrow_table()
    return rows.select(wanted.names).cast(wanted)


def _seal(storage: Storage, signal: Signal, rows: pa.Table, name: str) -> None:
    for place, part in by_hour(signal, rows):
        data = to_parquet(part, {"spanscore.collector": name})
        storage.create(f"{FOLDERS[signal]}/{place}/{name}.parquet", data)

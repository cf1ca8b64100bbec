"""Views as Parquet files, one a view, in the types that every engine reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from spanscore.queries.catalog import BASE_VIEWS
from spanscore.queries.view import View

from .files import create, scratch_folder
from .selection import Selection
from .source import Batches, Source

GROUP_ROWS = 32 * 1024
GROUP_BYTES = 32 << 20
"""A row group is written at so many rows, or so many bytes in memory."""

_RECEIVED = "epoch_ns(received_time)"


def file_of(folder: Path, view: str) -> Path:
    """Where a view's rows are."""
    return folder / f"{view}.parquet"


def write_base(
    source: Source, selection: Selection, folder: Path, wrote: Callable[[int], None]
) -> None:
    """Write what is selected of `spans`, `logs` and `metric_points`."""
    for view in BASE_VIEWS:
        sql = f"SELECT * FROM {view} WHERE {selection.of_view(_RECEIVED)}"
        with source.stream(sql) as batches:
            _write(batches, file_of(folder, view), wrote)


def write_kept(source: Source, selection: Selection, views: Sequence[View], folder: Path) -> None:
    """Write what is selected of the views whose rows the store keeps."""
    for view in views:
        if view.is_kept:
            sql = f"SELECT * FROM {view.name} WHERE {selection.of_view()}"
            with source.stream(sql) as batches:
                _write(batches, file_of(folder, view.name), lambda _: None)


def write_missing(views: Sequence[View], folder: Path, memory_limit: str) -> None:
    """Compute those views that have no file yet from those that have one, and write them.

    Views of the layer `staging` are computed where they are needed, and not written.
    """
    with scratch_folder(folder) as spill, closing(engine(memory_limit, spill)) as connection:
        names = (*BASE_VIEWS, *(view.name for view in views))
        present = [name for name in names if file_of(folder, name).exists()]
        for name in present:
            read_file(connection, name, folder)
        for view in _needed(views, present):
            connection.execute(f"CREATE TEMP TABLE {view.name} AS {view.select}")
            if view.layer != "staging":
                relation = connection.sql(f"FROM {view.name}")
                with closing(relation.to_arrow_reader(2048)) as reader:
                    _write(reader, file_of(folder, view.name), lambda _: None)


def engine(memory_limit: str, spill: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own, in memory, which spills to `spill`."""
    return duckdb.connect(config={"memory_limit": memory_limit, "temp_directory": str(spill)})


def read_file(
    connection: duckdb.DuckDBPyConnection, view: str, folder: Path, *, name: str = ""
) -> None:
    """Make the view's file a view of the connection, under its own or another name."""
    path = str(file_of(folder, view)).replace("'", "''")
    connection.execute(f"CREATE TEMP VIEW {name or view} AS FROM read_parquet('{path}')")


def _needed(views: Sequence[View], present: Sequence[str]) -> list[View]:
    """Those of the layers that are written, and what they read from, in order."""
    by_name = {view.name: view for view in views}
    needed: set[str] = set()
    waiting = [view.name for view in views if view.layer != "staging"]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in needed and name not in present:
            needed.add(name)
            waiting += by_name[name].sources
    return [view for view in views if view.name in needed]


def _write(batches: Batches, path: Path, wrote: Callable[[int], None]) -> None:
    with (
        create(path) as file,
        pq.ParquetWriter(file, batches.schema, compression="zstd") as writer,
    ):
        for group in _row_groups(batches):
            writer.write_table(group)
            wrote(group.num_rows)


def _row_groups(batches: Batches) -> Iterable[pa.Table]:
    held: list[pa.RecordBatch] = []
    size_rows = size_bytes = 0
    for batch in batches:
        held.append(batch)
        size_rows += batch.num_rows
        size_bytes += batch.nbytes
        if size_rows >= GROUP_ROWS or size_bytes >= GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, size_rows, size_bytes = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)

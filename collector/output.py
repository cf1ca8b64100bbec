"""A query's result as text or bytes: one way for the command and the endpoint."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TextIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from .plain import json_values, texts
from .store.query import QueryResult
from .table import print_table

StreamFormat = Literal["json", "csv", "arrow", "parquet"]
Format = Literal["table", "json", "csv", "arrow", "parquet"]
CONTENT_TYPES: dict[StreamFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
_TO_QUOTE = re.compile(r'[",\r\n]')


class OutputError(Exception):
    """The result cannot be written in this format; the message says what to do."""


def write_result(
    result: QueryResult, form: Format, stream: TextIO, notes: TextIO | None = None
) -> None:
    """Write the whole result to `stream` and, if it was cut off, say so on `notes` (stderr).

    `stream` is a text stream over bytes, as sys.stdout and open(path, "w") are. Raises OutputError
    for a binary format on a terminal and for a column type that Parquet lacks.
    """
    if form == "table":
        print_table(result, stream)
    else:
        if form in ("arrow", "parquet") and stream.isatty():
            raise OutputError(f"{form} is binary: send it to a file, as in `... > result.{form}`")
        stream.flush()
        for piece in encode(result, form):
            stream.buffer.write(piece)
    stream.flush()
    if result.notice is not None:
        print(result.notice, file=notes or sys.stderr)


def encode(result: QueryResult, form: StreamFormat) -> Iterator[bytes]:
    """The result in `form`, in pieces of a batch each; the pieces joined are the whole document.

    Parquet is one piece; taking it raises OutputError for a column type that Parquet lacks.
    """
    match form:
        case "json":
            return _json(result)
        case "csv":
            return csv_pieces(result.schema, result.batches)
        case "arrow":
            return _arrow(result)
        case "parquet":
            return _parquet(result)


def _json(result: QueryResult) -> Iterator[bytes]:
    """An array of row objects, a row a line."""
    names = result.schema.names
    before = b"[\n"
    for batch in result.batches:
        columns = [json_values(column) for column in batch.columns]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        yield before + b",\n".join(map(orjson.dumps, rows))
        before = b",\n"
    yield b"\n]\n" if result.batches else b"[]\n"


def csv_pieces(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A header line and RFC 4180 rows ended by a newline; NULL is empty, an empty string is ""."""
    yield _csv_line(schema.names).encode()
    for batch in batches:
        rows = zip(*map(texts, batch.columns), strict=True)
        yield "".join(map(_csv_line, rows)).encode()


def _csv_line(cells: Sequence[str | None]) -> str:
    return ",".join(map(_csv_cell, cells)) + "\n"


def _csv_cell(text: str | None) -> str:
    if text is None:
        return ""
    return '"' + text.replace('"', '""') + '"' if not text or _TO_QUOTE.search(text) else text


def _arrow(result: QueryResult) -> Iterator[bytes]:
    """An Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, result.schema) as writer:
        for batch in result.batches:
            writer.write_batch(batch)
            yield _drain(sink)
    yield _drain(sink)


def _drain(sink: io.BytesIO) -> bytes:
    written = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written


def _parquet(result: QueryResult) -> Iterator[bytes]:
    """A Parquet file, made in memory: its end points back into it, and a pipe cannot tell where."""
    sink = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_batches(result.batches, result.schema), sink)
    except pa.ArrowNotImplementedError as error:
        raise OutputError(f"Parquet lacks a column type: {error}. Cast it to VARCHAR") from error
    yield sink.getvalue()

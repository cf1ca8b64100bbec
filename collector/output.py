"""A query's result as JSON, CSV or Arrow: one way for the command and the endpoint."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import orjson
import pyarrow as pa

from .plain import json_values, texts
from .store.query import QueryResult

StreamFormat = Literal["json", "csv", "arrow"]
CONTENT_TYPES: dict[StreamFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
}
_TO_QUOTE = re.compile(r'[",\r\n]')


def encode(result: QueryResult, form: StreamFormat) -> Iterator[bytes]:
    """The result in `form`, in pieces of a batch each; the pieces joined are the whole document."""
    if form == "json":
        return _json(result)
    return _csv(result) if form == "csv" else _arrow(result)


def _json(result: QueryResult) -> Iterator[bytes]:
    """An array of row objects, a row a line."""
    names = result.schema.names
    separator = b"[\n"
    for batch in result.batches:
        columns = [json_values(column) for column in batch.columns]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        yield separator + b",\n".join(map(orjson.dumps, rows))
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def _csv(result: QueryResult) -> Iterator[bytes]:
    """A header line and RFC 4180 rows ended by a newline; NULL is empty, an empty string is ""."""
    yield _csv_line(result.schema.names).encode()
    for batch in result.batches:
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


def _drain(sink: Any) -> bytes:
    written: bytes = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written

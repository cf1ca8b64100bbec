"""The base tables in a DuckDB in memory, filled with decoded requests and read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from google.protobuf.message import Message

from spanscore.collector.decode.batch import Batch, decode
from spanscore.collector.decode.encode import encode
from spanscore.collector.decode.write_back import write_back
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.database import Schema

RECORD_TABLES = {Signal.TRACES: "span", Signal.LOGS: "log", Signal.METRICS: "metric_point"}

Row = dict[str, Any]


def decode_messages(signal: Signal, *messages: Message) -> Batch:
    """Decode messages as if each had come in a request of its own."""
    return decode(signal, [Request(signal, "open", 1, m.SerializeToString()) for m in messages])


class Tables:
    """Empty base tables."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        for statement in Schema().objects:
            self.connection.execute(statement)

    def insert(self, signal: Signal, batch: Batch) -> None:
        """Insert a decoded batch; its columns must be those of the tables, in order."""
        tables = {
            RECORD_TABLES[signal]: batch.records,
            "resource": batch.resources,
            "scope": batch.scopes,
        }
        for table, rows in tables.items():
            columns = [name for name, *_ in self.connection.execute(f"DESCRIBE {table}").fetchall()]
            assert rows.schema.names == columns
            self.connection.execute(f"INSERT INTO {table} SELECT * FROM rows")

    def rows(self, table: str) -> list[Row]:
        """All rows of a table."""
        result = self.connection.execute(f"FROM {table}")
        columns = [name for name, *_ in result.description or []]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def written_back(self, signal: Signal, batch: Batch) -> Message:
        """The message that comes back when a batch has been stored; nothing stays in the tables."""
        with self._stored(signal, batch) as (resources, scopes):
            return write_back(signal, self.rows(RECORD_TABLES[signal]), resources, scopes)

    def encoded(self, signal: Signal, batch: Batch) -> list[Request]:
        """The requests that come back when a batch has been stored; nothing stays in the tables."""
        with self._stored(signal, batch) as (resources, scopes):
            reader = self.connection.sql(f"FROM {RECORD_TABLES[signal]}").to_arrow_reader(100_000)
            return [
                request
                for records in reader
                for request, _ in encode(signal, records, resources, scopes)
            ]

    @contextmanager
    def _stored(
        self, signal: Signal, batch: Batch
    ) -> Iterator[tuple[dict[int, Row], dict[int, Row]]]:
        self.connection.begin()
        try:
            self.insert(signal, batch)
            resources = {row["resource_id"]: row for row in self.rows("resource")}
            scopes = {row["scope_id"]: row for row in self.rows("scope")}
            yield resources, scopes
        finally:
            self.connection.rollback()

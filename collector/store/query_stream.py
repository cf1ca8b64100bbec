"""The whole result of one reading query, a batch at a time: for exports."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from .query import as_query_error
from .query_guard import check

BATCH_ROWS = 2048
"""What DuckDB computes at once; of fat spans some tens of megabytes."""


class ResultStream:
    """A result without caps on rows, bytes and time, as of the moment of its making.

    It holds a READ ONLY transaction until it is closed, so whoever reads it should not dawdle.
    Iterate once; `cancel` may be called from any thread, `close` too, and more than once.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Plan `sql` on a cursor of its own; raises QueryError."""
        self._cursor = connection.cursor()
        self._sql = sql
        self._lock = threading.Lock()
        self._closed = False
        try:
            check(self._cursor, sql)
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
            self._reader = self._cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, OSError) as error:
            failure = as_query_error(self._cursor, sql, error)
            self._cursor.close()
            raise failure from error
        except BaseException:
            self._cursor.close()
            raise
        self.schema: pa.Schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        with self._lock:
            if self._closed:
                return None
            try:
                while (batch := next(self._reader, None)) is not None and not batch.num_rows:
                    pass
                return batch
            except (duckdb.Error, OSError) as error:
                raise as_query_error(self._cursor, self._sql, error) from error

    def cancel(self) -> None:
        """Stop what is being computed; the iteration then ends with an error."""
        self._cursor.interrupt()

    def close(self) -> None:
        """End the transaction."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._reader.close()
            with contextlib.suppress(duckdb.Error):  # a failed statement has ended it already
                self._cursor.execute("ROLLBACK")
            self._cursor.close()

"""Resources and scopes: stored once each, however often they come."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

MAX_REMEMBERED = 200_000
"""Ids kept in memory; beyond it the set starts afresh and the table is asked again."""


class Known:
    """Inserts the rows of `table` (`resource` or `scope`) that are not in it yet.

    Remembers ids in memory, so that a repeated resource costs no query. What was inserted counts
    as known only after `commit`; `rollback` forgets it.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._id = f"{table}_id"
        self._ids: set[int] = set()
        self._pending: set[int] = set()

    def insert(self, connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
        """Insert what is new, inside the caller's transaction."""
        wanted = set(rows[self._id].to_pylist()) - self._ids - self._pending
        if not wanted:
            return
        new = rows.filter(pc.is_in(rows[self._id], value_set=pa.array(wanted, pa.int64())))
        connection.register("arriving", new)
        try:
            connection.execute(
                f"INSERT INTO {self._table} BY NAME SELECT * FROM arriving "
                f"WHERE {self._id} NOT IN (SELECT {self._id} FROM {self._table})"
            )
        finally:
            connection.unregister("arriving")
        self._pending |= wanted

    def commit(self) -> None:
        """The transaction is durable."""
        if len(self._ids) + len(self._pending) > MAX_REMEMBERED:
            self._ids.clear()
        self._ids |= self._pending
        self._pending.clear()

    def rollback(self) -> None:
        """The transaction is gone."""
        self._pending.clear()

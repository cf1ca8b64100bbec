"""The views of the catalog computed once, each from the ones before; tests may then ask often."""

from __future__ import annotations

from typing import Any

import duckdb

from spanscore.queries import catalog


def freeze(connection: duckdb.DuckDBPyConnection) -> None:
    """Turn each view of the catalog into a table of its rows as they are now."""
    for view in catalog.builtin():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {view.name} AS {view.select}")


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a query, by column."""
    cursor = connection.execute(sql, parameters or [])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

"""A store with as many made-up runs as asked for, made by SQL straight into the base tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from spanscore.collector.store.database import open_database

SPANS_A_RUN = 500

CHUNK = 1000
_SCOPES = (
    "spanscore",
    "com.anthropic.claude_code.tracing",
    "com.anthropic.claude_code.events",
    "claude_code",
)


def make(db: Path, runs: int, memory_limit: str = "4GB") -> duckdb.DuckDBPyConnection:
    """A new database at `db` with `runs` runs; see runs.sql for their shape."""
    connection = _open(db, memory_limit)
    for first in range(0, runs, CHUNK):
        _insert(connection, first, min(first + CHUNK, runs))
    connection.execute("DROP TABLE made")
    connection.execute("DROP TABLE shaped")
    connection.execute("CHECKPOINT")
    return connection


def made_runs(
    db: Path, runs: int, memory_limit: str = "4GB"
) -> Iterator[tuple[int, duckdb.DuckDBPyConnection]]:
    """The same runs, CHUNK at a time: the first one's number, and a database of them alone."""
    for first in range(0, runs, CHUNK):
        with closing(_open(db, memory_limit)) as connection:
            _insert(connection, first, min(first + CHUNK, runs))
            yield first, connection
        db.unlink()


def _open(db: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    connection = open_database(db, memory_limit=memory_limit)
    for number, name in enumerate(_SCOPES):
        connection.execute(
            "INSERT INTO scope BY NAME SELECT ? AS scope_id, ? AS name, MAP {} AS attributes, "
            "'' AS attribute_types, 0 AS dropped_attributes_count",
            [number, name],
        )
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    statements = Path(__file__).with_suffix(".sql").read_text("utf-8")
    connection.execute(statements.format(first=first, last=last))

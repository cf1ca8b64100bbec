"""What is kept beside a lake's files, so that a question need not read all of them, in DuckDB.

`index/N/` holds the resolved `trace`, what resolves the rest (`session_times`, `instance_run`,
`conversation_window`) and the rows of every kept view, all as of the files that the manifest names
as indexed. A reader adds what came since: the runs that it touches are computed from the files, the
rows of all others are read as they are (`queries/lake/index.py` has the SQL).
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from spanscore.queries.engines import duckdb as engine
from spanscore.queries.lake import index
from spanscore.queries.lake.index import RESOLVED
from spanscore.queries.lake.snapshot import FOLDERS, Snapshot
from spanscore.queries.lake.storage import Storage
from spanscore.queries.view import View


def create_old(
    connection: duckdb.DuckDBPyConnection,
    storage: Storage,
    snapshot: Snapshot,
    views: tuple[View, ...],
) -> None:
    """Views `old_NAME` of all that the index keeps, and `new_FOLDER` of the files since."""
    for name in (*RESOLVED, *(view.name for view in views)):
        path = index.path(storage, snapshot, name).replace("'", "''")
        connection.execute(
            f"CREATE OR REPLACE VIEW old_{name} AS SELECT * FROM read_parquet('{path}')"
        )
    for folder in FOLDERS:
        engine.create_raw(connection, f"new_{folder}", storage, folder, snapshot.new(folder))


def resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """The runs of all traces, of what the index keeps and the files since."""
    for step in index.resolving():
        connection.execute(f"CREATE OR REPLACE TABLE {step.name} AS {step.select}")


def find_stale(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Fill the table `stale`; its runs in the order in which they began."""
    for step in index.stale():
        kind = "TABLE" if step.is_small else "VIEW"
        connection.execute(f"CREATE OR REPLACE {kind} {step.name} AS {step.select}")
    rows = connection.execute(
        "SELECT s.run_id FROM stale AS s LEFT JOIN trace AS t USING (run_id) "
        "GROUP BY s.run_id ORDER BY min(t.first_received_ns), s.run_id"
    ).fetchall()
    return [run_id for (run_id,) in rows]


def overlay(connection: duckdb.DuckDBPyConnection, views: tuple[View, ...]) -> None:
    """Each kept view: the index's rows of the runs that are not stale, and those computed here."""
    for view in views:
        select = index.overlay(view, f"marts.{view.name}")
        connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {select}")


def contents(views: tuple[View, ...]) -> Iterator[tuple[str, str]]:
    """What an index holds: each object's name, and the SELECT of its rows."""
    for name in RESOLVED:
        yield name, f"FROM {name}"
    for view in views:
        yield view.name, f"FROM {view.name} ORDER BY run_id"


def files(storage: Storage, snapshot: Snapshot, views: tuple[View, ...]) -> list[str]:
    """What readers of the index must reach."""
    names = (*RESOLVED, *(view.name for view in views))
    return [index.path(storage, snapshot, name) for name in names]

"""What is kept beside a lake's files, so that a question need not read all of them.

`index/N/` holds the resolved `trace`, what resolves the rest (`session_times`, `instance_run`,
`conversation_window`) and the rows of every kept view, all as of the files that the manifest names
as indexed. A reader adds what came since: the runs that it touches are computed from the files, the
rows of all others are read as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from spanscore.queries.engines import duckdb as engine
from spanscore.queries.lake import views as lake_views
from spanscore.queries.lake.snapshot import FOLDERS, Snapshot
from spanscore.queries.lake.storage import Storage
from spanscore.queries.view import View, reading_from

RESOLVED = ("trace", "session_times", "instance_run", "conversation_window")

# Whatever the new files touch, and whatever moves because of them without being in them: traces,
# what an instance lends, and what is placed by time. A run that was running may have fallen silent.
_STALE = """
CREATE OR REPLACE TABLE stale AS
SELECT DISTINCT run_id
FROM (
    SELECT t.run_id FROM trace AS t WHERE t.trace_id IN (SELECT trace_id FROM new_trace_ids)
    UNION ALL
    SELECT unnest([o.run_id, t.run_id])
    FROM old_trace AS o JOIN trace AS t USING (trace_id) WHERE o.run_id <> t.run_id
    UNION ALL
    SELECT run_id FROM ({new_logs}) WHERE trace_id IS NULL
    UNION ALL
    SELECT run_id FROM ({new_points})
    UNION ALL
    SELECT unnest([o.run_id, i.run_id, coalesce(o.instance_id, i.instance_id)])
    FROM old_instance_run AS o FULL JOIN instance_run AS i USING (instance_id)
    WHERE o.run_id IS DISTINCT FROM i.run_id
    UNION ALL
    SELECT coalesce(o.run_id, w.run_id)
    FROM old_conversation_window AS o
    FULL JOIN conversation_window AS w USING (service_name, run_id, start_ns, end_ns, hour)
    WHERE o.hour IS NULL OR w.hour IS NULL
    UNION ALL
    SELECT run_id FROM old_runs WHERE status = 'running'
)
WHERE run_id IS NOT NULL
"""


def usable(snapshot: Snapshot, fingerprint: str) -> bool:
    """Whether the snapshot has an index, made by the same views."""
    return bool(snapshot.manifest.index) and snapshot.manifest.views == fingerprint


def create_old(
    connection: duckdb.DuckDBPyConnection,
    storage: Storage,
    snapshot: Snapshot,
    views: tuple[View, ...],
) -> None:
    """Views `old_NAME` of all that the index keeps, and `new_FOLDER` of the files since."""
    for name in (*RESOLVED, *(view.name for view in views)):
        path = storage.path(f"{snapshot.manifest.index}/{name}.parquet").replace("'", "''")
        connection.execute(
            f"CREATE OR REPLACE VIEW old_{name} AS SELECT * FROM read_parquet('{path}')"
        )
    for folder in FOLDERS:
        engine.create_raw(connection, f"new_{folder}", storage, folder, snapshot.new(folder))


def resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """The runs of all traces, of what the index keeps and the files since; `stale` those to do."""
    new = {f"raw_{folder}": f"new_{folder}" for folder in FOLDERS}
    for step in lake_views.parts():
        select = reading_from(step.select, new)
        connection.execute(f"CREATE OR REPLACE TABLE new_{step.name} AS {select}")
    connection.execute(f"CREATE OR REPLACE TABLE trace_ids AS {lake_views.select('trace_merged')}")
    connection.execute(
        "CREATE OR REPLACE TABLE session_times AS "
        "SELECT service_name, run_id, min(start_ns) AS start_ns, max(end_ns) AS end_ns FROM "
        "(FROM old_session_times UNION ALL FROM new_session_times) GROUP BY service_name, run_id"
    )
    for step in lake_views.resolving():
        connection.execute(f"CREATE OR REPLACE TABLE {step.name} AS {step.select}")


def find_stale(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The runs of which the index says nothing, or not what is so now."""
    joined = {
        "new_logs": reading_from(lake_views.select("log_joined"), {"lake_logs": "new_logs"}),
        "new_points": reading_from(
            lake_views.select("metric_point_joined"), {"lake_metric_points": "new_metric_points"}
        ),
    }
    connection.execute(_STALE.format(**joined))
    rows = connection.execute(
        "SELECT s.run_id FROM stale AS s LEFT JOIN trace AS t USING (run_id) "
        "GROUP BY s.run_id ORDER BY min(t.first_received_ns), s.run_id"
    ).fetchall()
    return [run_id for (run_id,) in rows]


def overlay(connection: duckdb.DuckDBPyConnection, views: tuple[View, ...]) -> None:
    """Each kept view: the index's rows of the runs that are not stale, and those computed here."""
    for view in views:
        columns = ", ".join(f'"{column.name}"' for column in view.columns)
        connection.execute(
            f"CREATE OR REPLACE VIEW {view.name} AS SELECT {columns} FROM old_{view.name} "
            f"WHERE run_id NOT IN (SELECT run_id FROM stale) "
            f"UNION ALL SELECT {columns} FROM marts.{view.name}"
        )


def contents(views: tuple[View, ...]) -> Iterator[tuple[str, str]]:
    """What an index holds: each object's name, and the SELECT of its rows."""
    for name in RESOLVED:
        yield name, f"FROM {name}"
    for view in views:
        yield view.name, f"FROM {view.name} ORDER BY run_id"


def files(storage: Storage, snapshot: Snapshot, views: tuple[View, ...]) -> list[str]:
    """What readers of the index must reach."""
    names = (*RESOLVED, *(view.name for view in views))
    return [storage.path(f"{snapshot.manifest.index}/{name}.parquet") for name in names]

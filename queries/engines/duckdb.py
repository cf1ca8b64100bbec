"""A lake in DuckDB: its public views over the Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ..lake import views
from ..lake.snapshot import COMPACTED, FOLDERS, Snapshot, partition
from ..lake.storage import Bucket, Storage


class LakeReadError(Exception):
    """A file of the lake cannot be read; the message names it and says what to do."""


def connect(storage: Storage, *, memory_limit: str = "2GB") -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that reaches the lake, and spills to where temporary files go."""
    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(Path(gettempdir(), "spanscore-lake-spill")),
            "max_temp_directory_size": "50GB",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
    )
    if isinstance(storage, Bucket):
        connection.register_filesystem(storage.reader())
    connection.execute("SET TimeZone = 'UTC'")
    # A sealed object never changes, so what was read of it need not be asked for again.
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET validate_external_file_cache = 'NO_VALIDATION'")
    return connection


def create_public_views(
    connection: duckdb.DuckDBPyConnection,
    storage: Storage,
    snapshot: Snapshot,
    resolve: Callable[[duckdb.DuckDBPyConnection], None],
) -> None:
    """Create `spans`, `logs` and `metric_points` over the files of a snapshot.

    `resolve` makes the tables `trace`, `instance_run` and `conversation_window` of the relations
    `raw_spans` and so on, a row a trace; the rest is read when asked. Raises LakeReadError for a
    file that was changed or removed behind our back.
    """
    try:
        for folder in FOLDERS:
            create_raw(connection, f"raw_{folder}", storage, folder, snapshot.names(folder))
            _create_without_twins(connection, storage, snapshot, folder)
        resolve(connection)
        for step in views.public():
            connection.execute(f"CREATE OR REPLACE VIEW {step.name} AS {step.select}")
    except (duckdb.Error, OSError) as error:
        raise explained(storage, error) from error


def resolve_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Tell the run of every trace from the files alone."""
    for step in (*views.parts(), *views.resolving()):
        connection.execute(f"CREATE OR REPLACE TABLE {step.name} AS {step.select}")


def create_raw(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    storage: Storage,
    folder: str,
    files: Sequence[str],
) -> None:
    """A view of these files as they are; without a file it has the columns and no row."""
    source = views.nothing(folder)
    if files:
        paths = ", ".join(_quoted(storage.path(file)) for file in files)
        table = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
        there = {row[0] for row in connection.execute(f"DESCRIBE FROM {table}").fetchall()}
        columns = ", ".join(
            # A file of an earlier version has fewer columns.
            f'"{column}"' if column in there else f'CAST(NULL AS {kind}) AS "{column}"'
            for column, kind in views.columns()[folder].items()
        )
        source = f"SELECT {columns} FROM {table}"
    connection.execute(f"CREATE OR REPLACE VIEW {name} AS {source}")


def _create_without_twins(
    connection: duckdb.DuckDBPyConnection, storage: Storage, snapshot: Snapshot, folder: str
) -> None:
    """`lake_FOLDER`: in a partition that compaction left alone nothing can be there twice."""
    open_partitions = {
        partition(name)
        for name in snapshot.names(folder)
        if not name.rpartition("/")[2].startswith(COMPACTED)
    }
    suspects = [name for name in snapshot.names(folder) if partition(name) in open_partitions]
    create_raw(connection, f"suspect_{folder}", storage, folder, suspects)
    twin = f"twin_{folder}"
    connection.execute(f"CREATE TABLE {twin} AS {views.twins(folder, f'suspect_{folder}')}")
    [(found,)] = connection.execute(f"SELECT count(*) FROM {twin}").fetchall()
    source = f"raw_{folder}"
    select = views.without_twins(folder, source, twin) if found else f"SELECT * FROM {source}"
    connection.execute(f"CREATE VIEW lake_{folder} AS {select}")


def explained(storage: Storage, error: Exception) -> LakeReadError:
    """What to say of a file that could not be read as it was listed."""
    return LakeReadError(
        f"the lake {storage.url} cannot be read: {str(error).splitlines()[0]}. If a file was "
        "changed or removed behind our back, put it back or remove it, and ask again"
    )


def paths(storage: Storage, snapshot: Snapshot) -> list[str]:
    """All files that the views read."""
    return [storage.path(name) for folder in FOLDERS for name in snapshot.names(folder)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

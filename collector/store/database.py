"""Opens the DuckDB file: creates the schema, migrates an older one, refuses a newer one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import duckdb

from spanscore.queries import base
from spanscore.queries.view import View

from .marts import Marts
from .migrations import MIGRATIONS, Migration

WAL_AUTOCHECKPOINT = "256MB"
"""The default of 16 MB doubles the loader's CPU and stalls commits for seconds."""


class DatabaseError(Exception):
    """The database file cannot be used; the message names the file and the fix."""


@dataclass(frozen=True)
class Schema:
    """What a database file must hold: the objects in order, and the way there from older ones.

    `version` is 1 plus the number of migrations. A new file gets `objects` as they stand; an
    older one gets the migrations it lacks, then the views anew.
    """

    objects: tuple[str, ...] = field(default_factory=lambda: _read_sql("schema"))
    views: tuple[str, ...] = field(default_factory=lambda: _views())
    migrations: tuple[Migration, ...] = MIGRATIONS

    @property
    def version(self) -> int:
        return 1 + len(self.migrations)


def open_database(
    path: Path,
    *,
    memory_limit: str = "600MB",
    schema: Schema | None = None,
    views: Sequence[View] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open `path` for writing, create or migrate its schema, and return the connection.

    `views` are those of the catalog (None: the built-in ones); where they are not those of the file
    they are made anew, and what they say of each run is computed again later.
    Before a migration a copy is kept as `FILE.v<old>.bak`. A new file is mode 0600; its WAL follows
    the umask, which the command sets.
    Raises CatalogError for a view that DuckDB does not accept, and DatabaseError when another
    process holds the file, when it is no DuckDB file, when a newer spanscore wrote it, or when the
    disk takes no more.
    """
    schema = schema or Schema()
    is_new = not path.exists()
    connection = _connect(path, memory_limit)
    try:
        if is_new:
            path.chmod(0o600)
        if is_new or _is_bare(connection):
            _create(connection, schema)
        else:
            connection = _bring_up_to_date(connection, path, memory_limit, schema)
        Marts(connection, views).prepare()
    except duckdb.OperationalError as error:  # of commits too, when the disk is full
        connection.close()
        raise DatabaseError(_explain_open(path, str(error))) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return duckdb.connect(
            str(path),
            config={
                "memory_limit": memory_limit,
                "wal_autocheckpoint": WAL_AUTOCHECKPOINT,
                "temp_directory": f"{path}.tmp",
                "max_temp_directory_size": "20GB",
                "python_enable_replacements": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
    except duckdb.IOException as error:
        raise DatabaseError(_explain_open(path, str(error))) from error


def _is_bare(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a kill or a full disk came between making the file and its schema."""
    return not connection.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchall()


def _explain_open(path: Path, message: str) -> str:
    holder = re.search(r"PID (\d+)", message)
    if "lock" in message:
        who = f" by process {holder[1]}" if holder else ""
        return (
            f"{path} is open{who}, and DuckDB lets one process hold a file. "
            "End that process, or use another --db."
        )
    if path.is_file() and not path.stat().st_size:
        return f"{path} is empty: making it was cut short. Delete it and start again."
    if "not a valid DuckDB" in message:
        return f"{path} is not a DuckDB file. Move it away, or use another --db."
    return f"{path} cannot be opened: {message}"


def _create(connection: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
    connection.execute("INSERT INTO schema_version VALUES (?)", [schema.version])
    for statement in (*schema.objects, *schema.views):
        connection.execute(statement)
    connection.execute("COMMIT")


def _bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, path: Path, memory_limit: str, schema: Schema
) -> duckdb.DuckDBPyConnection:
    version = schema_version(connection, path)
    if version > schema.version:
        raise DatabaseError(
            f"{path} has schema version {version}; this spanscore knows up to "
            f"{schema.version}. Install a newer spanscore, or use another --db."
        )
    if version < schema.version:
        connection.execute("CHECKPOINT")
        connection.close()
        shutil.copy2(path, f"{path}.v{version}.bak")
        connection = _connect(path, memory_limit)
        _migrate(connection, version, schema)
    return connection


def schema_version(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """The version of the schema in the file; raises DatabaseError if it is none of ours."""
    try:
        rows = connection.execute("SELECT version FROM schema_version").fetchall()
    except duckdb.CatalogException:
        rows = []
    if len(rows) != 1:
        raise DatabaseError(f"{path} is a DuckDB file, but not spanscore's. Use another --db.")
    return int(rows[0][0])


def _migrate(connection: duckdb.DuckDBPyConnection, version: int, schema: Schema) -> None:
    connection.execute("BEGIN")
    for statement in schema.migrations[version - 1 :]:
        connection.execute(statement)
    for statement in schema.views:
        connection.execute(statement)
    connection.execute("UPDATE schema_version SET version = ?", [schema.version])
    connection.execute("COMMIT")


def _views() -> tuple[str, ...]:
    """Those that a store shares with a lake stand around its own."""
    return (
        *(_shared(name) for name in base.RESOLVING),
        *_read_sql("schema/views"),
        *(_shared(name) for name in base.PUBLIC),
    )


def _shared(name: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS {base.select(name)}"


def _read_sql(folder: str) -> tuple[str, ...]:
    files = resources.files(__package__).joinpath(folder).iterdir()
    return tuple(
        file.read_text(encoding="utf-8")
        for file in sorted(files, key=lambda file: file.name)
        if file.name.endswith(".sql")
    )

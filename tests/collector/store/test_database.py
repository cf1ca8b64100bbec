"""Opening the file: schema, migration with a copy kept, refusals that name the fix."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from spanscore.collector.decode import typed_columns
from spanscore.collector.store.database import DatabaseError, Schema, open_database, schema_version
from tests.support.inbox_disk import disk_full_beyond
from tests.support.stored import stored
from tests.support.telemetry import span, traces_request


def older_and_newer() -> tuple[Schema, Schema]:
    """The schema as it is, and one that is a migration further."""
    schema = Schema()
    change = "ALTER TABLE span ADD COLUMN new_key VARCHAR"
    further = replace(
        schema,
        objects=(*schema.objects, change),
        migrations=(*schema.migrations, change),
        views=(*schema.views, "CREATE OR REPLACE VIEW new_keys AS SELECT new_key FROM span"),
    )
    return schema, further


def test_a_new_file_has_the_public_views_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    with open_database(path) as connection:
        for view in ("spans", "logs", "metric_points"):
            assert connection.execute(f"SELECT count(*) FROM {view}").fetchall() == [(0,)]
        assert schema_version(connection, path) == Schema().version
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_whose_making_was_cut_short_is_made_anew_or_named(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "bare.duckdb")).close()
    with open_database(tmp_path / "bare.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM spans").fetchall() == [(0,)]
    (tmp_path / "empty.duckdb").touch()
    with pytest.raises(DatabaseError, match=r"empty\.duckdb is empty.*Delete it"):
        open_database(tmp_path / "empty.duckdb")


def test_a_disk_that_is_full_while_the_file_is_made_is_named_and_does_no_lasting_harm(
    tmp_path: Path,
) -> None:
    path = tmp_path / "d.duckdb"
    with disk_full_beyond(20_000), pytest.raises(DatabaseError, match="cannot be opened"):
        open_database(path)
    with open_database(path) as connection:
        assert connection.execute("SELECT count(*) FROM spans").fetchall() == [(0,)]


def test_an_older_file_is_migrated_after_a_copy_was_kept(tmp_path: Path) -> None:
    older, newer = older_and_newer()
    with stored(tmp_path) as store:
        store.put(traces_request(span()))
    path = tmp_path / "s.duckdb"
    with open_database(path, schema=newer) as connection:
        assert schema_version(connection, path) == newer.version
        assert connection.execute("SELECT * FROM new_keys").fetchall() == [(None,)]
        assert connection.execute("SELECT name FROM spans").fetchall() == [("work",)]
    copy = tmp_path / f"s.duckdb.v{older.version}.bak"
    assert copy.stat().st_mode & 0o077 == 0
    with open_database(copy) as connection:
        assert connection.execute("SELECT name FROM spans").fetchall() == [("work",)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    older, newer = older_and_newer()
    path = tmp_path / "d.duckdb"
    open_database(path).close()
    broken = replace(newer, migrations=(*newer.migrations, "SELECT nonsense"))
    with pytest.raises(duckdb.Error):
        open_database(path, schema=broken)
    with open_database(path) as connection:
        assert schema_version(connection, path) == older.version


def test_a_newer_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    _, newer = older_and_newer()
    path = tmp_path / "d.duckdb"
    open_database(path, schema=newer).close()
    with pytest.raises(DatabaseError, match="Install a newer spanscore"):
        open_database(path)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE t (a INTEGER)")
    with pytest.raises(DatabaseError, match="not spanscore's"):
        open_database(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    path.write_bytes(b"hello" * 10_000)
    with pytest.raises(DatabaseError, match="not a DuckDB file"):
        open_database(path)
    assert path.read_bytes() == b"hello" * 10_000


def test_a_file_that_another_process_holds_is_refused_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(path)!r}); "
         "print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DatabaseError, match=f"by process {holder.pid}"):
            open_database(path)
        holder.communicate("\n")


@pytest.mark.parametrize("table", ["span", "log", "metric_point"])
def test_each_typed_column_of_the_list_is_in_the_schema_with_its_type(
    tmp_path: Path, table: str
) -> None:
    lines = Path(typed_columns.__file__).with_suffix(".tsv").read_text().splitlines()
    listed = {
        cells[1]: cells[2]
        for cells in (line.split("\t") for line in lines[2:])
        if table in cells[3].split(",")
    }
    with open_database(tmp_path / "d.duckdb") as connection:
        columns = dict(row[:2] for row in connection.execute(f"DESCRIBE {table}").fetchall())
    assert {name: columns.get(name) for name in listed} == listed

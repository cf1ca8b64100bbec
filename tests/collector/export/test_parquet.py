"""Parquet holds what the views say, a file a view, in types that every engine reads."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spanscore.collector.config import Settings
from spanscore.collector.export.errors import ExportError
from spanscore.collector.export.files import new_folder
from spanscore.collector.export.parquet import write_base
from spanscore.collector.export.selection import Selection
from spanscore.collector.export.source import open_source
from spanscore.collector.store.database import open_database
from spanscore.collector.store.marts import Marts
from spanscore.queries import catalog
from tests.support.exports import export_to
from tests.support.inbox_disk import disk_full_beyond

VIEWS = [*catalog.BASE_VIEWS, *(v.name for v in catalog.builtin() if v.layer != "staging")]


@pytest.fixture(scope="module")
def whole(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_to(made, "parquet", tmp_path_factory.mktemp("whole") / "parquet")


def rows(connection: duckdb.DuckDBPyConnection, source: str) -> Counter[str]:
    found = connection.execute(f"SELECT x::VARCHAR FROM {source} AS x").fetchall()
    return Counter(row[0] for row in found)


def test_there_is_a_file_for_every_view_and_no_other(whole: Path) -> None:
    assert sorted(path.stem for path in whole.iterdir()) == sorted(VIEWS)


def test_the_files_say_what_the_views_of_the_store_say(made: Settings, whole: Path) -> None:
    with closing(open_database(made.db)) as connection:
        Marts(connection).refresh_all()
        for view in VIEWS:
            assert rows(connection, f"'{whole / view}.parquet'") == rows(connection, view), view


def leaves(kind: pa.DataType) -> set[str]:
    """The types of a column and of all that is in it."""
    children = [kind.field(number).type for number in range(kind.num_fields)]
    return {str(kind)} if not children else set().union(*map(leaves, children))


@pytest.mark.parametrize("view", VIEWS)
def test_the_types_are_those_that_every_engine_reads(whole: Path, view: str) -> None:
    portable = {
        "string",
        "binary",
        "bool",
        "int32",
        "int64",
        "double",
        "timestamp[us]",
        "date32[day]",
    }
    schema = pq.read_schema(whole / f"{view}.parquet")
    assert set().union(*(leaves(field.type) for field in schema)) <= portable


def test_of_one_run_only_what_is_its_own_is_exported(made: Settings, tmp_path: Path) -> None:
    folder = export_to(made, "parquet", tmp_path / "one", runs=["a1"])
    for view in ("spans", "logs", "runs", "scores", "model_calls", "time_split"):
        found = pq.read_table(folder / f"{view}.parquet", columns=["run_id"])["run_id"]
        assert set(found.to_pylist()) <= {"a1"}
    [line] = pq.read_table(folder / "leaderboard.parquet").to_pylist()
    assert (line["agent"], line["runs"]) == ("a", 1)


def test_a_full_disk_is_told_and_leaves_nothing(made: Settings, tmp_path: Path) -> None:
    with (
        open_source(made) as source,
        disk_full_beyond(20_000),
        pytest.raises(ExportError, match="is full: nothing was exported; make room"),
        new_folder(tmp_path / "x") as folder,
    ):
        write_base(source, Selection(), folder, lambda _: None)
    assert list(tmp_path.iterdir()) == []

"""The catalog: every file becomes a view whose header tells the truth, in any connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from spanscore.queries import catalog
from spanscore.queries.view import CatalogError, View
from tests.support.stored import stored

VIEWS = catalog.builtin()
OWN = "-- Busy runs.\n-- Grain: a run.\n-- run_id: VARCHAR: the run\nSELECT run_id FROM runs\n"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty store with every view computed."""
    with stored(tmp_path_factory.mktemp("catalog")) as store:
        catalog.create_tables(store.connection)
        yield store.connection


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_header_lists_every_column_with_its_type(
    connection: duckdb.DuckDBPyConnection, view: View
) -> None:
    described = connection.execute(f"DESCRIBE {view.name}").fetchall()
    assert [(column.name, column.type) for column in view.columns] == [
        (name, kind) for name, kind, *_ in described
    ]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_header_says_what_the_view_answers(view: View) -> None:
    assert view.text.endswith(".")
    assert view.grain.endswith(".")
    assert all(column.text for column in view.columns)


@pytest.mark.parametrize("view", [v for v in VIEWS if v.is_kept], ids=lambda view: view.name)
def test_what_is_kept_by_run_names_its_run(view: View) -> None:
    assert "run_id" in {column.name for column in view.columns}


def test_every_view_comes_after_those_it_reads_from() -> None:
    seen: set[str] = set(catalog.BASE_VIEWS)
    names = {view.name for view in VIEWS}
    for view in VIEWS:
        assert view.sources & names <= seen
        seen.add(view.name)


def test_the_views_can_be_created_in_any_connection_that_has_the_base_views(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with duckdb.connect() as elsewhere:
        for base in catalog.BASE_VIEWS:
            elsewhere.register("empty", connection.table(base).to_arrow_table())
            elsewhere.execute(f"CREATE TABLE {base} AS FROM empty")
        catalog.create_views(elsewhere)
        catalog.create_views(elsewhere)
        assert elsewhere.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]


def own(folder: Path, **files: str) -> Path:
    """A user's folder with these .sql files."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_a_users_folder_adds_views(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    views = catalog.load([own(tmp_path / "mine", busy=OWN)])
    [busy] = [view for view in views if view.layer == "mine"]
    assert (busy.name, busy.layer, busy.text, busy.grain) == (
        "busy", "mine", "Busy runs.", "a run.",
    )  # fmt: skip
    catalog.create_views(connection, [busy])
    assert connection.execute("FROM busy").fetchall() == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"runs": OWN}, "two views named runs"),
        ({"spans": OWN}, "two views named spans"),
        ({"a": OWN.replace("runs\n", "b\n"), "b": OWN.replace("runs\n", "a\n")}, "a -> b -> a"),
        ({"Busy": OWN}, "mine/Busy.sql: name it in lower-case letters"),
        ({"busy": "SELECT 1"}, "mine/busy.sql: begin with what it answers"),
        ({"busy": OWN.replace("-- Grain: a run.\n", "")}, "mine/busy.sql: begin with"),
        ({"busy": OWN.replace(": VARCHAR", "")}, "no `column: TYPE: what it is`: run_id: the run"),
        ({"busy": "-- A.\n-- Grain: b.\n-- Kept: by run\nSELECT 1"}, "busy.sql: list its columns"),
        (
            {"busy": "-- A.\n-- Grain: b.\n-- Columns: those of nothing\nSELECT 1"},
            "busy has the columns of nothing, which lists none",
        ),
    ],
)
def test_a_file_that_cannot_become_a_view_is_named_with_the_fix(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        catalog.load([own(tmp_path / "mine", **files)])


def test_an_indented_line_of_a_header_goes_on_with_the_one_before(tmp_path: Path) -> None:
    text = OWN.replace("the run\n", "the run\n--     that was busy\n")
    views = catalog.load([own(tmp_path / "mine", busy=text)])
    [busy] = [view for view in views if view.layer == "mine"]
    assert busy.columns[0].text == "the run that was busy"


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere is no folder; name one that holds \.sql"):
        catalog.load([tmp_path / "nowhere"])


def test_what_is_kept_by_run_cannot_read_what_depends_on_other_runs(tmp_path: Path) -> None:
    text = OWN.replace("a run.\n", "a run.\n-- Kept: by run\n").replace("runs\n", "leaderboard\n")
    views = catalog.load([own(tmp_path / "mine", busy=text)])
    with pytest.raises(CatalogError, match="busy is kept by run, and reads leaderboard"):
        catalog.run_by_run(views)


def test_only_what_is_asked_for_is_computed_and_what_it_is_made_of() -> None:
    names = [view.name for view in catalog.needed(catalog.builtin(), ["model_calls"])]
    assert names[-1] == "model_calls"
    assert "leaderboard" not in names
    assert len(catalog.needed(catalog.builtin(), None)) == len(catalog.builtin())

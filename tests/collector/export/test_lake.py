"""A lake is exported as the database would be that holds the same."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from spanscore.collector.commands.export import Wanted, export
from spanscore.collector.config import Settings, load
from spanscore.collector.export.errors import ExportError
from spanscore.collector.export.requests import stored_requests
from spanscore.collector.export.selection import Selection
from spanscore.collector.export.source import open_source
from tests.support.exports import export_to
from tests.support.lakes import fill

SAME = ("spans", "logs", "metric_points", "runs", "scores", "leaderboard", "tool_calls")


@pytest.fixture(scope="module")
def lake(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with the telemetry of `made`."""
    folder = tmp_path_factory.mktemp("lake")
    with open_source(made) as source:
        requests = [request for request, _ in stored_requests(source, Selection())]
    fill(folder / "lake", folder / "inbox", *requests)
    return load(db=str(folder / "lake"))


def rows(folder: Path, view: str, columns: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        sql = f"SELECT {columns} FROM '{folder / view}.parquet' ORDER BY ALL"
        return connection.execute(sql).fetchall()


def test_the_files_of_a_lake_say_what_those_of_the_database_say(
    made: Settings, lake: Settings, tmp_path: Path
) -> None:
    of_database = export_to(made, "parquet", tmp_path / "database")
    of_lake = export_to(lake, "parquet", tmp_path / "lake")
    assert {p.name for p in of_lake.iterdir()} == {p.name for p in of_database.iterdir()}
    for view in SAME:
        columns = "run_id, * EXCLUDE (run_id)" if view != "leaderboard" else "*"
        assert rows(of_lake, view, columns) == rows(of_database, view, columns), view


def test_runs_and_times_select_of_a_lake_as_of_a_database(
    made: Settings, lake: Settings, tmp_path: Path
) -> None:
    for number, chosen in enumerate(({"runs": ["a1"]}, {"since": "1970-01-01"})):
        written = []
        for name, settings in (("database", made), ("lake", lake)):
            output = tmp_path / f"{name}{number}"
            export(settings, Wanted("parquet", output, **chosen))  # type: ignore[arg-type]
            written.append(rows(output, "spans", "run_id, trace_id, span_id"))
        assert written[0] == written[1] != []


@pytest.mark.parametrize("form", ["otlp-json", "otlp-proto", "bundle"])
def test_what_a_lake_does_not_keep_is_refused_with_what_it_has(
    lake: Settings, tmp_path: Path, form: str
) -> None:
    with pytest.raises(ExportError, match="from a lake --format parquet or csv"):
        export(lake, Wanted(form, tmp_path / "out"))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()

"""`spanscore runs` lists what there is, filtered, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.commands.runs import Filters, list_runs
from spanscore.collector.config import Settings, load
from tests.support.harness_run import LIMITED, Run
from tests.support.sessions import session_requests
from tests.support.stored import stored

RUNS = [
    Run("r1", agent="a1", model="vendor/m1", task="t1", verdict="success"),
    Run("r2", agent="a2", model="m2", task="t2", sweep="other", start_s=60),
    Run("r3", agent="a1", model="m2", task="t'2", calls=(LIMITED,), changes={}, start_s=120),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("runs")
    with stored(folder) as store:
        store.put(*(request for run in RUNS for request in run.requests()))
        store.put(*session_requests("codex/ok"))
    return load(db=folder / "s.duckdb")


def listed(
    capsys: pytest.CaptureFixture[str], settings: Settings, limit: int = 50, **filters: Any
) -> list[str]:
    """The ids of the runs that pass, in order."""
    list_runs(settings, Filters(**filters), limit, "json")
    return [row["run_id"] for row in json.loads(capsys.readouterr().out)]


def test_the_newest_run_comes_first_and_a_limit_cuts(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    found = listed(capsys, settings)
    assert found[0].startswith("01a20629")
    assert found[1:] == ["r3", "r2", "r1"]
    assert listed(capsys, settings, limit=2) == found[:2]


def test_the_table_begins_with_what_a_reader_looks_for(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    list_runs(settings, Filters(agent="a1"), 50, "table")
    header, limited, passed = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("|")
    )
    assert header[:5] == ["run", "result", "agent", "model", "task"]
    assert (limited[0], limited[1][:9]) == ("r3", "provider_")
    assert passed[:4] == ["r1", "pass", "a1", "m1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"agent": "a1"}, ["r3", "r1"]),
        ({"model": "m2"}, ["r3", "r2"]),
        ({"task": "t'2"}, ["r3"]),
        ({"sweep": "other"}, ["r2"]),
        ({"status": "finished"}, ["r3", "r2", "r1"]),
        ({"failure": "provider_rate_limited"}, ["r3"]),
        ({"run": "r"}, ["r3", "r2", "r1"]),
        ({"agent": "a1", "model": "m2"}, ["r3"]),
        ({"agent": "nobody"}, []),
    ],
)
def test_filters_keep_what_they_say(
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    filters: dict[str, Any],
    expected: list[str],
) -> None:
    assert listed(capsys, settings, **filters) == expected


def test_json_and_csv_have_every_column_and_a_table_what_fits(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    list_runs(settings, Filters(run="r1"), 50, "json")
    [row] = json.loads(capsys.readouterr().out)
    assert (row["agent"], row["status"], row["pass"], row["image"]) == ("a1", "finished", 1, None)
    list_runs(settings, Filters(run="r1"), 50, "csv")
    [line] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert line.keys() == row.keys()
    list_runs(settings, Filters(run="r1"), 50, "table")
    table = capsys.readouterr().out
    assert "pass" in table
    assert "vendor" not in table
    assert all(len(text) <= 80 for text in table.splitlines())


def test_an_empty_store_has_no_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    list_runs(load(db=tmp_path / "s.duckdb"), Filters(), 50, "json")
    assert json.loads(capsys.readouterr().out) == []

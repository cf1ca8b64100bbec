"""`spanscore score`, and `spanscore leaderboard`, print the leaderboard."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from spanscore.collector.cli import app
from spanscore.collector.commands.score import score
from spanscore.collector.config import Settings
from spanscore.queries.catalog import builtin

BOARD = next(view for view in builtin() if view.name == "leaderboard")


def test_the_table_has_a_line_for_each_agent_and_model_the_best_first(
    made: Settings, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    score(made, "table")
    lines = capsysbinary.readouterr().out.decode().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert rows[0][:5] == ["agent", "model", "passed", "valid", "95 %"]
    assert rows[1][:5] == ["a", "model", "4/4", "100%", "51-100"]
    assert rows[2][:5] == ["b", "model", "2/4", "67%", "21-94"]
    assert "2 rows" in lines[-1]


def test_a_score_that_must_not_be_cited_has_an_asterisk(
    made: Settings, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    score(made, "json")
    marked = {row["agent"]: row["citable_runs"] < row["runs"] for row in _printed(capsysbinary)}
    score(made, "table")
    for line in capsysbinary.readouterr().out.decode().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 1 and cells[1] in marked:
            assert cells[7].endswith("*") == marked[cells[1]]


def _printed(capsysbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(capsysbinary.readouterr().out)
    return rows


def test_json_and_csv_give_every_column_of_the_view(
    made: Settings, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    score(made, "json")
    rows = json.loads(capsysbinary.readouterr().out)
    assert [row["agent"] for row in rows] == ["a", "b"]
    assert list(rows[0]) == [column.name for column in BOARD.columns]
    score(made, "csv")
    found = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert list(found[0]) == list(rows[0])


def test_leaderboard_is_score_by_another_name(made: Settings) -> None:
    asked = [
        CliRunner().invoke(app, [name, "--db", str(made.db), "--format", "json"])
        for name in ("leaderboard", "score")
    ]
    assert [one.exit_code for one in asked] == [0, 0]
    assert asked[0].output == asked[1].output
    assert json.loads(asked[0].output)[0]["agent"] == "a"

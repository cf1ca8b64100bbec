"""`spanscore demo` runs three real cells, and each comes to what was scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.spanscore_command import Commands

PASSED, WRONG, LIMITED = "mutation-intervals", "outcome-fails", "outcome-rate-limited"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo was run once, as text."""
    folder = tmp_path_factory.mktemp("demo")
    printed = Commands(folder)("demo")
    assert printed.code == 0, printed.err
    (folder / "printed").write_text(printed.out)
    return folder


def test_it_shows_a_pass_a_wrong_patch_and_a_rate_limit_with_proof(folder: Path) -> None:
    printed = (folder / "printed").read_text()
    assert "result  pass, score 0." in printed
    assert "fail: wrong_patch (model)" in printed
    assert "proof   span" in printed
    assert "spoiled: provider_rate_limited (provider)" in printed
    assert "6,095 in, 193 out, 3 calls" in printed
    assert "1/3" in printed
    assert "50%" in printed


def test_the_commands_that_it_names_work(folder: Path) -> None:
    commands = Commands(folder)
    lines = (folder / "printed").read_text().splitlines()
    [show] = [line.split() for line in lines if line.startswith("  spanscore show")]
    assert commands(*show[1:]).out.startswith(f"run {show[2]}")
    [sql] = [line for line in lines if line.startswith("  spanscore sql")]
    query, rest = sql.split('"')[1:]
    rows = commands("sql", query, *rest.split(), "--format", "json").rows
    assert {row["task"]: row["failure_class"] for row in rows} == {
        WRONG: "wrong_patch",
        LIMITED: "provider_rate_limited",
    }


def test_its_tokens_are_those_that_the_model_told(folder: Path) -> None:
    rows = Commands(folder)(
        "sql",
        "SELECT task, prompt_tokens, completion_tokens, model_calls FROM scores "
        "JOIN runs USING (run_id, task) WHERE attempt = 1 ORDER BY task",
        *("--db", "spanscore-demo.duckdb", "--format", "json"),
    ).rows
    assert [tuple(row.values()) for row in rows[:2]] == [
        (PASSED, 1180 + 2310 + 2605, 64 + 88 + 41, 3),
        (WRONG, 2000, 100, 2),
    ]


def test_nothing_is_left_but_the_database_and_what_belongs_to_it(folder: Path) -> None:
    left = {path.name.removeprefix("spanscore-demo.duckdb") for path in folder.iterdir()}
    assert left <= {"", ".inbox", ".key", ".users", ".wal", "printed"}


def test_a_second_demo_is_a_further_attempt(folder: Path) -> None:
    rows = Commands(folder)("demo", "--format", "json").rows
    assert [(row["attempt"], row["outcome"]) for row in rows] == [
        (2, "pass"),
        (2, "fail"),
        (2, "spoiled"),
    ]

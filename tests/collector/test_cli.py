"""The command line: help, clear errors without a traceback, exit codes."""

from __future__ import annotations

import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"spanscore {version('spanscore')}\n"


def test_without_arguments_the_commands_are_listed(tmp_path: Path) -> None:
    result = run(tmp_path)
    for command in ("serve", "sql", "import", "doctor"):
        assert command in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["serve", "sql", "import", "doctor"])
def test_each_command_has_help_with_examples(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, command, "--help")
    assert result.returncode == 0
    assert "Examples" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["serve", "--http", "0.0.0.0:4318"], 2, "set a token"),
        (["serve", "--inbox-max", "lots"], 2, "inbox_max"),
        (["serve", "--agent", "nope"], 2, "claude-code"),
        (["sql", "SELECT 1"], 1, "spanscore.duckdb does not exist"),
        (["import", "nowhere.json"], 1, "nowhere.json does not exist"),
        (["doctor", "--compact"], 1, "spanscore.duckdb does not exist"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_an_error_is_one_clear_message_with_its_exit_code(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run(tmp_path, *arguments)
    assert result.returncode == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("*.duckdb")), "nothing was made on the way"


def test_a_query_that_is_wrong_shows_the_place(tmp_path: Path) -> None:
    (tmp_path / "t.pb").write_bytes(b"")
    assert run(tmp_path, "import", "t.pb").returncode == 0
    result = run(tmp_path, "sql", "SELECT nonsense FROM spans")
    assert result.returncode == 1
    assert "SELECT nonsense FROM spans" in result.stderr
    assert "^" in result.stderr


def test_a_query_can_come_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "t.pb").write_bytes(b"")
    run(tmp_path, "import", "t.pb")
    result = subprocess.run(
        [COMMAND, "sql", "-", "--format", "csv"], cwd=tmp_path, input="SELECT 42 AS n",
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout == "n\n42\n"

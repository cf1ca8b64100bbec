"""Tasks are listed, shown, checked and made by commands."""

from __future__ import annotations

import json
import signal
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from spanscore.collector.cli import app
from spanscore.collector.config import ConfigError
from spanscore.instrumentation.tasks import shipped
from tests.support.made_task import VERIFY, write_files, write_task
from tests.support.spanscore_command import Commands


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["tasks", *map(str, arguments)])


def test_the_shipped_tasks_are_listed() -> None:
    table = called().stdout
    assert all(task.id in table for task in shipped())
    rows = json.loads(called("--format", "json", "--family", "integrity").stdout)
    assert {row["family"] for row in rows} == {"integrity"}


def test_a_family_that_there_is_not_is_told_with_those_there_are() -> None:
    error = called("--family", "polygot").exception
    assert isinstance(error, ConfigError)
    assert str(error).endswith("there are integrity, mutations, outcomes, polyglot")


def test_a_task_is_shown_with_what_is_asked_and_how_it_is_judged() -> None:
    shown = called("show", "integrity-contradiction").stdout
    assert "Change rank() in ranking.py" in shown
    assert "a refusal that names" in shown
    told = json.loads(called("show", "polyglot/polyglot-node-test", "--format", "json").stdout)
    assert told["pass_to_pass"] == ["adds", "an article is one line"]


def test_a_task_that_there_is_not_gets_a_hint_and_exit_code_2(tmp_path: Path) -> None:
    printed = Commands(tmp_path)("tasks", "show", "mutation-interval")
    assert printed.code == 2
    assert "did you mean mutation-intervals" in printed.err


def test_a_check_says_what_is_wrong_and_ends_with_1(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "mine", VERIFY)
    checked = called("check", folder, "outcome-passes", tmp_path / "none")
    assert checked.exit_code == 1
    assert "wrong  made\n       the untouched workspace passes" in checked.stdout
    assert "right  outcome-passes" in checked.stdout
    assert f"wrong  {tmp_path}/none" in checked.stdout
    assert "commands run on this machine" in checked.stderr


def test_a_check_in_json_has_both_verdicts() -> None:
    [row] = json.loads(called("check", "outcome-passes", "--format", "json").stdout)
    assert (row["untouched"], row["solved"], row["problems"]) == ("failure", "success", [])


def sdist(folder: Path, test: str) -> Path:
    """A library of two mutations."""
    library = write_files(
        folder / "tiny-1.0",
        {
            "PKG-INFO": "Name: tiny\nVersion: 1.0\n",
            "tiny.py": "def low(a, b):\n    return min(a, b) + 0\n",
            "test_tiny.py": test,
        },
    )
    with tarfile.open(folder / "tiny.tar.gz", "w:gz") as archive:
        archive.add(library, "tiny-1.0")
    return folder / "tiny.tar.gz"


def test_mutations_are_made_with_progress_and_made_again(tmp_path: Path) -> None:
    test = "from tiny import low\n\n\ndef test_low():\n    assert low(1, 2) == 1\n"
    file = sdist(tmp_path, test)
    made = called("make-mutations", file, "--out", tmp_path / "out", "--count", 1, "--seed", 4)
    assert made.exit_code == 0, made.output
    assert "0 of 1 kept, 0 tried: tiny.py:2:" in made.stderr
    assert "1 tasks of tiny 1.0" in made.stdout
    manifest = tmp_path / "out/mutations.json"
    again = called("make-mutations", file, "--out", tmp_path / "again", "--manifest", manifest)
    assert again.stdout == made.stdout.replace("/out", "/again")
    assert called("check", tmp_path / "again/tiny-01").exit_code == 0


def test_ctrl_c_while_mutations_are_made_ends_the_tests_and_the_command(tmp_path: Path) -> None:
    test = "import time\n\n\ndef test_slow():\n    time.sleep(99)\n"
    file = sdist(tmp_path, test)
    with Commands(tmp_path).start("tasks", "make-mutations", file, "--out", "out") as process:
        assert process.stderr is not None
        assert "commands run on this machine" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["show", "check", "make-mutations"])
def test_each_of_its_commands_has_help_with_examples(command: str) -> None:
    assert "Examples" in called(command, "--help").stdout

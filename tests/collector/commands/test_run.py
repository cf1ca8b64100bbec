"""`spanscore run` as a user types it, with the shipped agent, a scripted model, a bare process."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spanscore.collector.cli import app
from spanscore.instrumentation.scripted.server import ModelServer
from spanscore.instrumentation.tasks import find
from tests.support.spanscore_command import Commands, Printed


def run_shipped(commands: Commands, task: str, *options: object) -> Printed:
    """Run the scripted agent on a shipped task that says what the model does."""
    script = find(task).script
    assert script is not None
    with ModelServer(script) as model:
        return commands(
            "run", "--agent", "scripted", "--model", "scripted", "--task", task,
            "--endpoint", model.url, "--format", "json", *options,
        )  # fmt: skip


def test_a_run_leaves_every_phase_and_a_score_and_says_that_it_is_provisional(
    tmp_path: Path,
) -> None:
    commands = Commands(tmp_path)
    printed = run_shipped(commands, "outcome-passes")
    assert printed.code == 0, printed.err
    [row] = printed.rows
    assert (row["outcome"], row["pass"], row["grade"]) == ("pass", 1, "B")
    assert row["provisional"][0] == "no container"
    assert not row["citable"]
    assert "no container" in printed.err
    spans = commands.sql(f"SELECT role, origin FROM spans WHERE run_id = '{row['run_id']}'")
    assert {span["origin"] for span in spans} == {"harness"}
    assert {span["role"] for span in spans} == {
        "cell_run", "task_setup", "adapter_run", "apply_plugins", "container", "model_call",
        "tool_call", "workspace_diff", "verify", "cleanup",
    }  # fmt: skip
    left = {path.name for path in tmp_path.iterdir()}
    assert "spanscore.duckdb.serve.json" not in left


def test_a_workspace_that_cannot_be_kept_is_told_and_spoils_nothing(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    no_folder = tmp_path / "file"
    no_folder.touch()
    printed = run_shipped(commands, "outcome-passes", "--keep", no_folder)
    assert printed.code == 0, printed.err
    assert f"the workspace could not be kept in {no_folder}" in printed.err
    [row] = printed.rows
    assert (row["outcome"], row["kept"]) == ("pass", None)
    [span] = commands.sql("SELECT attributes AS told FROM spans WHERE role = 'cleanup'")
    assert "spanscore.cleanup.removed" in span["told"]
    assert "spanscore.harness.error" not in span["told"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--agent", "nobody"], "no adapter is called 'nobody'; known: aider,"),
        (["--task", "nothing"], "nothing"),
        (["--agent", "command"], "needs a command line; give one: --command-line"),
        (["--plugin", "nothing"], "no plugin is called 'nothing'"),
        (["--endpoint", "ftp://x"], "'ftp://x' is no URL"),
        (["--key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY is not set"),
        (["--memory-limit", "much"], "'much' is no size"),
        (["--user", "root"], "'root' must be numbers"),
        (["--container", "docker"], "needs an image; name one with --image"),
        (["--image", "no/such-image"], "no Docker engine answers"),
        (["--agent", "openhands"], "is not on this machine's PATH; install it (pip install openh"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    given = {"--agent": "scripted", "--model": "m", "--task": "outcome-passes",
             "--endpoint": "http://127.0.0.1:9/v1"}  # fmt: skip
    given |= dict(zip(options[::2], options[1::2], strict=True))
    done = CliRunner().invoke(app, ["run", *(word for pair in given.items() for word in pair)])
    assert type(done.exception).__module__.startswith("spanscore.")
    assert said in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_wrong_name_ends_with_2_and_an_engine_that_is_not_there_with_1(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    given = ("run", "--model", "m", "--task", "outcome-passes", "--endpoint", "http://127.0.0.1:9")
    nobody = commands(*given, "--agent", "nobody")
    assert (nobody.code, nobody.out) == (2, "")
    assert nobody.err.startswith("spanscore: no adapter is called 'nobody'; known: aider, ")
    no_engine = commands(*given, "--agent", "scripted", "--image", "some/image")
    assert (no_engine.code, no_engine.out) == (1, "")
    assert no_engine.err.startswith("spanscore: no Docker engine answers (")
    assert no_engine.err.endswith("or use --container process\n")

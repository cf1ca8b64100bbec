"""`spanscore run --record` and `--replay`: a run repeats without a model, and says what differs."""

from __future__ import annotations

from pathlib import Path

from tests.support.spanscore_command import Commands, Printed

from .test_run import run_shipped


def _replay(commands: Commands, task: str, recording: Path) -> Printed:
    return commands(
        "run", "--agent", "scripted", "--model", "scripted", "--task", task,
        "--replay", recording, "--replay-timing", "none", "--format", "json",
    )  # fmt: skip


def test_a_recorded_run_repeats_without_a_model(tmp_path: Path) -> None:
    commands, recording = Commands(tmp_path), tmp_path / "answers.rec"
    first = run_shipped(commands, "outcome-passes", "--record", recording)
    assert first.code == 0, first.err
    second = _replay(commands, "outcome-passes", recording)
    assert second.code == 0, second.err
    tokens = [printed.rows[0]["total_tokens"] for printed in (first, second)]
    assert tokens[0] == tokens[1] > 0


def test_a_replay_for_another_task_says_that_it_differs(tmp_path: Path) -> None:
    commands, recording = Commands(tmp_path), tmp_path / "answers.rec"
    run_shipped(commands, "outcome-passes", "--record", recording)
    assert "differ from the recording" in _replay(commands, "polyglot-awk", recording).err

"""The agent that is shipped does what the model says, and says when the model does not answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spanscore.instrumentation.adapters import find
from spanscore.instrumentation.adapters.adapter import LaunchContext
from spanscore.instrumentation.launch import launch
from spanscore.instrumentation.scripted.script import Fault, Script, Step, Usage
from spanscore.instrumentation.scripted.server import ModelServer

STEPS = (
    Step(Usage(10, 2), "I will write it.", "echo hello > greeting; echo done"),
    Step(Usage(20, 3), "It is written."),
)


def run_agent(model: ModelServer, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the agent as its adapter says, in `folder`."""
    home = folder / "home"
    context = LaunchContext(
        prompt="Write $it.",
        model="scripted",
        model_url=model.url,
        model_key="dummy",
        home=str(home),
        workspace=str(folder),
        otlp_http="",
        otlp_grpc="",
    )
    started = launch(find("scripted"), context)
    home.mkdir()
    for path, text in started.files.items():
        (home / path).write_text(text)
    return subprocess.run(
        [sys.executable, *started.command[1:]],
        env={**started.environment, "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_runs_what_the_model_says_and_prints_its_last_words(tmp_path: Path) -> None:
    with ModelServer(Script(STEPS)) as model:
        done = run_agent(model, tmp_path)
    assert (done.returncode, done.stdout) == (0, "It is written.\n")
    assert (tmp_path / "greeting").read_text() == "hello\n"
    first, second = model.model_calls
    assert first.body["messages"][0]["content"] == "Write $it."
    assert second.body["messages"][-1]["content"] == "done\n\nexit code 0"
    assert [call.usage for call in model.model_calls] == [step.usage for step in STEPS]


def test_a_rate_limit_that_passes_is_tried_again(tmp_path: Path) -> None:
    with ModelServer(Script(STEPS, Fault(429, times=1))) as model:
        assert run_agent(model, tmp_path).returncode == 0
    assert [call.status for call in model.model_calls] == [429, 200, 200]


@pytest.mark.parametrize(("status", "tries"), [(429, 3), (500, 3), (401, 1)])
def test_an_error_that_stays_ends_it_with_1_and_the_reason(
    tmp_path: Path, status: int, tries: int
) -> None:
    with ModelServer(Script(STEPS, Fault(status))) as model:
        done = run_agent(model, tmp_path)
    assert done.returncode == 1
    assert f"the model gave no answer: HTTP {status}" in done.stderr
    assert len(model.model_calls) == tries

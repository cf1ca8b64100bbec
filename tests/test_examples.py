"""The examples are run as they are."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.support.otlp_sink import OtlpSink, values

EXAMPLES = Path(__file__).parent.parent / "examples"
Hook = Callable[[Any], Coroutine[Any, Any, None]]


def _spans(sink: OtlpSink) -> dict[str, Any]:
    return {values(span.attributes)["spanscore.role"]: span for span in sink.spans}


def test_a_harness_of_ones_own_sends_a_run_with_its_verdict(tmp_path: Path) -> None:
    with OtlpSink() as sink:
        done = subprocess.run(
            [sys.executable, EXAMPLES / "own_harness.py"],
            cwd=tmp_path,
            env={
                **os.environ,
                "SPANSCORE_COLLECTOR": sink.url,
                "SPANSCORE_HARNESS_TOKEN": "h",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    spans = _spans(sink)
    assert set(spans) == {"cell_run", "adapter_run", "verify"}
    assert values(spans["verify"].attributes)["test.suite.run.status"] == "success"
    assert sink.resources[0]["spanscore.run.id"] == done.stdout.strip()
    assert sink.tokens == {"h"}
    assert not list(tmp_path.iterdir())


def _plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harbor_plugin", EXAMPLES / "harbor_plugin.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class HarborJob:
    """Registers hooks and fires them as a job of Harbor 0.26 does, each from a task of its own."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(job_name="nightly")
        self._hooks: dict[str, list[Hook]] = {}

    def __getattr__(self, name: str) -> Callable[[Hook], HarborJob]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def register(hook: Hook) -> HarborJob:
            self._hooks.setdefault(name, []).append(hook)
            return self

        return register

    async def fire(self, name: str, event: Any) -> None:
        for hook in self._hooks.get(name, []):
            await asyncio.create_task(hook(event))


def _event(rewards: dict[str, float] | None) -> Any:
    info = SimpleNamespace(name="codex", version="1.2", model_info=SimpleNamespace(name="m"))
    verified = None if rewards is None else SimpleNamespace(rewards=rewards)
    result = SimpleNamespace(
        agent_info=info, task_checksum="abc", verifier_result=verified, exception_info=None
    )
    return SimpleNamespace(trial_name="t.1", task_name="fix", result=result)


_WHOLE = (
    "on_trial_started", "on_environment_started", "on_agent_started", "on_agent_ended",
    "on_verification_started", "on_trial_ended",
)  # fmt: skip


@pytest.mark.parametrize(
    ("hooks", "rewards", "roles"),
    [
        (_WHOLE, {"reward": 1.0}, {"cell_run", "task_setup", "adapter_run", "verify"}),
        (_WHOLE, {"reward": 0.5}, {"cell_run", "task_setup", "adapter_run", "verify"}),
        (("on_trial_started", "on_trial_cancelled"), None, {"cell_run", "task_setup"}),
    ],
)
async def test_a_plugin_makes_each_trial_of_a_harbor_job_a_run(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hooks: tuple[str, ...],
    rewards: dict[str, float] | None,
    roles: set[str],
) -> None:
    with OtlpSink() as sink:
        monkeypatch.setenv("SPANSCORE_COLLECTOR", sink.url)
        job, plugin = HarborJob(), _plugin().SpanscorePlugin()
        await plugin.on_job_start(job)
        for hook in hooks:
            await job.fire(hook, _event(rewards))
        await plugin.on_job_end(None)
    spans = _spans(sink)
    assert set(spans) == roles
    assert sink.resources[0]["spanscore.sweep.id"] == "nightly"
    root = values(spans["cell_run"].attributes)
    assert (root["gen_ai.agent.version"], root["spanscore.task.version"]) == ("1.2", "abc")
    if rewards is not None:
        told = values(spans["verify"].attributes)
        assert told["spanscore.verify.partial_score"] == rewards["reward"]
        expected = "success" if rewards["reward"] == 1 else "failure"
        assert told["test.suite.run.status"] == expected
    else:
        assert root["spanscore.run.cancelled_by"] == "SIGINT"
    assert not caplog.records

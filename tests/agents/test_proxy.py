"""Real agents through the recording proxy: what it tells is what the model server counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.agent_lines import Setup
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.adapters import find
from tests.support.agents import AgentRun, run_agent
from tests.support.model_server import FIX_STEPS, FIX_THE_BUG, Fault, ModelServer, Script
from tests.support.proxied import Proxied, proxied

pytestmark = pytest.mark.agents

AGENTS = {"codex": "exec_command", "claude-code": "Bash", "opencode": "bash"}
"""Agents and the names of their shell tools."""
QUICK = ("codex", "claude-code")
"""Those whose retries can be cut short."""
NO_TELEMETRY = Setup("", {}, "")


def _run(agent: str, run: Proxied, folder: Path, **environment: str) -> AgentRun:
    return run_agent(
        find(agent),
        folder,
        model_url=run.route.url,
        setup=NO_TELEMETRY,
        environment=environment,
    )


def _tokens(call: dict[str, Any]) -> tuple[Any, ...]:
    return call.get(c.INPUT_TOKENS), call.get(c.OUTPUT_TOKENS), call.get(c.CACHE_READ_TOKENS)


@pytest.mark.parametrize("agent", AGENTS)
def test_tokens_and_tools_are_those_of_the_server(agent: str, tmp_path: Path) -> None:
    with ModelServer(FIX_THE_BUG) as model, proxied(model.url) as run:
        ended = _run(agent, run, tmp_path / "agent")
        assert ended.fixed, ended.stderr
        traffic = run.close()
        told = [
            (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)
            for usage in (call.usage for call in model.model_calls)
            if usage is not None
        ]
        assert [_tokens(call) for call in run.calls] == told
        assert len(run.calls) == len(model.model_calls) == traffic.calls
        assert traffic.calls_complete, traffic.gaps
        assert {call[c.HTTP_STATUS] for call in run.calls} == {200}
        [tool] = run.tools
        assert tool[c.TOOL_NAME] == AGENTS[agent]
        assert tool[c.TOOL_RESULT_BYTES] > 0
        assert tool.get(c.EXIT_CODE, 0) == 0


@pytest.mark.parametrize("agent", QUICK)
def test_a_recorded_run_repeats_without_a_model(agent: str, tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    with ModelServer(FIX_THE_BUG) as model, proxied(model.url, record=recording) as run:
        assert _run(agent, run, tmp_path / "first").fixed
        run.close()
        calls = len(run.calls)
    with proxied(None, replay=recording, replay_timing="none") as run:
        assert _run(agent, run, tmp_path / "second").fixed
        run.close()
        assert len(run.calls) == calls


@pytest.mark.parametrize("agent", QUICK)
@pytest.mark.parametrize("status", [401, 500])
def test_each_try_of_a_refused_agent_is_seen(agent: str, status: int, tmp_path: Path) -> None:
    script = Script(FIX_STEPS, Fault(status))
    with ModelServer(script) as model, proxied(model.url) as run:
        _run(agent, run, tmp_path / "agent", CLAUDE_CODE_MAX_RETRIES="1")
        run.close()
        assert len(run.calls) == len(model.model_calls)
        assert {call[c.HTTP_STATUS] for call in run.calls} == {status}
        assert all(call[c.ERROR_TYPE] for call in run.calls)

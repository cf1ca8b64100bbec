"""The lines to paste for each agent, as `spanscore serve` prints them."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from spanscore.collector.agent_lines import (
    Endpoints,
    UnknownAgentError,
    lines,
    setup,
    setups,
)

LOCAL = Endpoints(http="http://127.0.0.1:4318", grpc="http://127.0.0.1:4317")
AGENTS = sorted(setups(LOCAL))
DOCS = Path(__file__).parents[2] / "docs" / "agents.md"


def _variables_after(pasted: list[str]) -> dict[str, str]:
    script = "\n".join([*pasted, "env -0"])
    shell = ["/bin/sh", "-eu", "-c", script]
    printed = subprocess.run(
        shell, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    pairs = (entry.partition("=") for entry in printed.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("token", [None, "agent.run-1.0123456789abcdef"])
def test_the_pasted_lines_give_a_shell_exactly_the_variables(agent: str, token: str | None) -> None:
    endpoints = Endpoints(LOCAL.http, LOCAL.grpc, token)
    given = setup(endpoints, agent).environment
    pasted = [line for line in lines(endpoints, agent) if line.startswith(("#", "export"))]
    assert given
    assert given.items() <= _variables_after(pasted).items()


def test_the_lines_for_codex_are_toml_with_an_endpoint_a_signal() -> None:
    otel = tomllib.loads(setup(LOCAL, "codex").config)["otel"]
    urls = {name: exporter["otlp-http"]["endpoint"] for name, exporter in otel.items()}
    assert urls == {
        "exporter": "http://127.0.0.1:4318/v1/logs",
        "trace_exporter": "http://127.0.0.1:4318/v1/traces",
        "metrics_exporter": "http://127.0.0.1:4318/v1/metrics",
    }


def test_every_agent_is_told_the_token_as_a_bearer_header() -> None:
    for agent in AGENTS:
        text = "\n".join(lines(Endpoints(LOCAL.http, LOCAL.grpc, "t0ken"), agent))
        assert "Bearer t0ken" in text, agent
        assert "Bearer" not in "\n".join(lines(LOCAL, agent)), agent


def test_every_agent_is_told_the_endpoint_it_was_given() -> None:
    other = Endpoints(http="https://collector.test:9/o/agent.x.y/", grpc="https://collector.test:8")
    for agent in AGENTS:
        text = "\n".join(lines(other, agent))
        assert "https://collector.test:9/o/agent.x.y" in text, agent
        assert "127.0.0.1" not in text, agent
        assert "//v1" not in text, agent


def test_all_agents_together_are_their_blocks_with_a_blank_line_between() -> None:
    blocks = "\n".join(lines(LOCAL)).split("\n\n")
    assert blocks == ["\n".join(lines(LOCAL, agent)) for agent in setups(LOCAL)]


def test_no_line_is_wider_than_a_terminal_of_100_columns() -> None:
    assert max(len(line) for line in lines(LOCAL)) <= 100


def test_an_unknown_agent_is_refused_with_the_names_of_those_known() -> None:
    with pytest.raises(UnknownAgentError, match=r"'claude'; known: claude-code, codex, "):
        lines(LOCAL, "claude")


@pytest.mark.parametrize("agent", AGENTS)
def test_the_documentation_shows_the_lines_that_serve_prints(agent: str) -> None:
    assert "\n".join(lines(LOCAL, agent)) in DOCS.read_text()

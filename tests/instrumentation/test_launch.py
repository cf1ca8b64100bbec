"""From an adapter to a command: placeholders, words that become several, escaping in files."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest

from spanscore.instrumentation.adapters import AdapterError, all, find
from spanscore.instrumentation.adapters.adapter import Adapter, LaunchContext
from spanscore.instrumentation.launch import launch

CONTEXT = LaunchContext(
    prompt='Fix "it" for $5\n- all of it',
    model="org/model-1",
    model_url="http://127.0.0.1:1/r/token",
    model_key="dummy-key",
    home="/home/user",
    workspace="/workspace",
    otlp_http="http://127.0.0.1:4318/o/agent-token",
    otlp_grpc="http://127.0.0.1:4317",
    files=("a.py", "b.py"),
    command_line="my-agent",
)


@pytest.mark.parametrize("adapter", all(), ids=lambda adapter: adapter.name)
def test_every_adapter_hands_the_prompt_over_as_it_is(adapter: Adapter) -> None:
    started = launch(adapter, CONTEXT)
    told = [*started.command, *started.environment.values()]
    assert any(word.endswith(CONTEXT.prompt) for word in told)
    assert not [word for word in told if word.startswith("$") and word != CONTEXT.prompt]


@pytest.mark.parametrize("adapter", all(), ids=lambda adapter: adapter.name)
def test_every_adapter_names_the_model_endpoint_and_the_dummy_key(adapter: Adapter) -> None:
    started = launch(adapter, CONTEXT)
    told = "\n".join([*started.command, *started.environment.values(), *started.files.values()])
    assert CONTEXT.model_url in told
    assert CONTEXT.model_key in told


@pytest.mark.parametrize(
    "adapter", [a for a in all() if a.telemetry or a.telemetry_files], ids=lambda a: a.name
)
def test_every_adapter_with_telemetry_of_its_own_names_the_collector(adapter: Adapter) -> None:
    started = launch(adapter, CONTEXT)
    told = "\n".join([*started.environment.values(), *started.files.values()])
    assert CONTEXT.otlp_http in told


@pytest.mark.parametrize("adapter", all(), ids=lambda adapter: adapter.name)
def test_values_with_quotes_leave_config_files_whole(adapter: Adapter) -> None:
    quoted = replace(CONTEXT, model='mo"del\\1')
    for path, text in launch(adapter, quoted).files.items():
        if path.endswith(".json"):
            json.loads(text)
        elif path.endswith(".toml"):
            assert tomllib.loads(text)["model"] == 'mo"del\\1'


def test_the_files_of_a_task_become_as_many_words() -> None:
    assert launch(find("aider"), CONTEXT).command[-3:] == ("--", "a.py", "b.py")
    assert launch(find("aider"), replace(CONTEXT, files=())).command[-1] == "--"


def test_a_dollar_sign_of_a_command_line_is_left_to_the_shell() -> None:
    line = replace(CONTEXT, command_line='agent "$SPANSCORE_PROMPT"')
    started = launch(find("command"), line)
    assert started.command[:3] == ("sh", "-c", 'agent "$SPANSCORE_PROMPT"')
    assert started.environment["SPANSCORE_PROMPT"] == CONTEXT.prompt


def test_the_agent_command_without_a_command_line_is_refused_with_the_fix() -> None:
    with pytest.raises(AdapterError, match="--command-line"):
        launch(find("command"), replace(CONTEXT, command_line=" "))


def test_an_agent_gets_nothing_of_the_harness_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-real-key")
    started = launch(find("claude-code"), CONTEXT)
    assert started.environment["ANTHROPIC_API_KEY"] == "dummy-key"
    assert "PATH" not in started.environment

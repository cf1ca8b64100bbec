"""Applying plugins: what changes, and what is said of it without any secret."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from spanscore.instrumentation.adapters import all, find
from spanscore.instrumentation.adapters.adapter import Adapter, Launch
from spanscore.instrumentation.launch import launch
from spanscore.instrumentation.plugins import behavior_mode, load, secrets
from tests.instrumentation.test_launch import CONTEXT

SECRET = "s3cr3t-of-the-host"


def _launch(folder: Path, agent: str, *texts: str) -> Launch:
    plugins = []
    for number, text in enumerate(texts):
        path = folder / f"plugin{number}.toml"
        path.write_text(text)
        plugins.append(load(path))
    return launch(find(agent), CONTEXT, plugins, host={"HOST_KEY": SECRET})


def test_without_plugins_an_agent_is_as_it_comes() -> None:
    started = launch(find("codex"), CONTEXT)
    assert (started.applied, started.skipped) == ((), ())
    assert behavior_mode([]) == "factory"


def test_arguments_stand_before_the_prompt(tmp_path: Path) -> None:
    started = _launch(tmp_path, "codex", 'arguments = ["-c", "x=1"]')
    assert started.command[-4:] == ("-c", "x=1", "--", CONTEXT.prompt)
    assert started.applied == ("plugin0: 2 arguments",)


def test_a_secret_comes_from_the_host_and_is_named_by_its_key_alone(tmp_path: Path) -> None:
    started = _launch(tmp_path, "codex", 'environment = { KEY = { from = "HOST_KEY" } }')
    assert started.environment["KEY"] == SECRET
    assert started.applied == ("plugin0: environment KEY",)


def test_the_secrets_of_plugins_are_known_before_a_run_starts(tmp_path: Path) -> None:
    path = tmp_path / "plugin.toml"
    path.write_text(
        'environment = { A = { from = "HOST_KEY" }, B = { from = "NOT_SET" }, C = "plain" }\n'
        'mcp.docs = { command = "d", environment = { T = { from = "HOST_KEY" } } }'
    )
    assert secrets([load(path)], {"HOST_KEY": SECRET}) == (SECRET,)


def test_a_variable_that_the_host_lacks_is_skipped_with_the_reason(tmp_path: Path) -> None:
    text = 'environment = { KEY = { from = "NOT_SET" }, OTHER = "1" }'
    started = _launch(tmp_path, "codex", text)
    assert "KEY" not in started.environment
    assert started.applied == ("plugin0: environment OTHER",)
    assert started.skipped == ("plugin0: environment KEY: the variable NOT_SET is not set",)


def test_a_part_for_another_agent_is_skipped_with_the_reason(tmp_path: Path) -> None:
    started = _launch(tmp_path, "aider", 'agent.codex.arguments = ["-c", "x=1"]')
    assert started.applied == ()
    assert started.skipped == ("plugin0: it has nothing for aider, only for codex",)


def test_json_settings_are_merged_and_the_later_plugin_wins(tmp_path: Path) -> None:
    one = 'files = { ".gemini/settings.json" = \'{"general": {"maxAttempts": 1, "a": 1}}\' }'
    two = 'files = { ".gemini/settings.json" = \'{"general": {"maxAttempts": 2}}\' }'
    started = _launch(tmp_path, "gemini-cli", one, two)
    settings = json.loads(started.files[".gemini/settings.json"])
    assert settings["general"] == {"enableAutoUpdate": False, "maxAttempts": 2, "a": 1}
    assert settings["security"]["auth"]["selectedType"] == "gemini-api-key"


def test_a_file_that_is_no_json_is_skipped_where_json_is_needed(tmp_path: Path) -> None:
    started = _launch(tmp_path, "gemini-cli", 'files = { ".gemini/settings.json" = "x" }')
    assert started.applied == ()
    assert started.skipped == (
        "plugin0: file .gemini/settings.json: .gemini/settings.json must be JSON",
    )


SERVER = """\
[mcp.docs]
command = "docs-server"
arguments = ["--stdio"]
environment = { KEY = { from = "HOST_KEY" } }
"""


@pytest.mark.parametrize("adapter", [a for a in all() if a.mcp], ids=lambda a: a.name)
def test_an_mcp_server_is_added_to_the_config_of_the_agent(
    tmp_path: Path, adapter: Adapter
) -> None:
    started = _launch(tmp_path, adapter.name, SERVER)
    changed = {
        path: text
        for path, text in started.files.items()
        if launch(adapter, CONTEXT).files.get(path) != text
    }
    ((path, text),) = changed.items()
    settings = tomllib.loads(text) if path.endswith(".toml") else json.loads(text)
    (servers,) = (settings[key] for key in ("mcp", "mcpServers", "mcp_servers") if key in settings)
    assert "docs-server" in json.dumps(servers["docs"])
    assert SECRET in json.dumps(servers["docs"])
    assert started.applied == ("plugin0: MCP server docs",)
    assert SECRET not in " ".join(started.applied)


def test_an_mcp_server_is_skipped_by_an_agent_that_takes_none(tmp_path: Path) -> None:
    started = _launch(tmp_path, "aider", SERVER)
    assert started.skipped == ("plugin0: MCP server docs: aider takes none",)


@pytest.mark.parametrize("adapter", all(), ids=lambda a: a.name)
def test_instructions_go_to_the_file_that_the_agent_reads_or_are_skipped(
    tmp_path: Path, adapter: Adapter
) -> None:
    started = _launch(tmp_path, adapter.name, 'instructions = "Run the tests."')
    if adapter.instructions:
        assert started.files[adapter.instructions] == "Run the tests."
        assert started.applied == ("plugin0: instructions",)
    else:
        assert started.applied == ()
        assert "reads none" in started.skipped[0]

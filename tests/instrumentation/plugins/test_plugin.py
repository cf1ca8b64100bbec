"""Reading plugins: shipped ones by name, others from a file, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.instrumentation.plugins import PluginError, find, load, shipped

WHOLE = """\
description = "All that a plugin can hold"
instructions = "Run the tests before you finish."
arguments = ["--verbose"]

[environment]
LEVEL = "3"
TOKEN = { from = "DOCS_TOKEN" }

[files]
".config/tool.json" = '{"a": 1}'

[mcp.docs]
command = "docs-server"
arguments = ["--stdio"]
environment = { KEY = { from = "DOCS_TOKEN" } }

[agent.codex]
arguments = ["-c", "x=1"]
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_is_named_by_its_file_and_holds_every_kind_of_change(tmp_path: Path) -> None:
    plugin = find(str(_written(tmp_path, WHOLE)))
    assert plugin.name == "mine"
    assert plugin.general.arguments == ("--verbose",)
    assert plugin.general.environment["LEVEL"] == "3"
    assert [server.name for server in plugin.mcp_servers] == ["docs"]
    assert plugin.by_agent["codex"].arguments == ("-c", "x=1")


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_plugin_can_be_read_and_says_what_it_is_for(name: str) -> None:
    assert find(name).description


def test_an_unknown_name_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(PluginError, match=r"'fast'; shipped: .*short-retries"):
        find("fast")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 1", "not TOML"),
        ("", "changes nothing"),
        ('environmnet = { A = "1" }', "environmnet: no such key; known: .*environment"),
        ('arguments = "--x"', "arguments: a list of texts"),
        ("instructions = 3", "instructions: a text"),
        ("environment = { A = 1 }", "environment.A: a text is wanted"),
        ('environment = { "A B" = "1" }', "not the name of a variable"),
        ('files = { "../up" = "x" }', "below the home folder"),
        ('files = { "/etc/x" = "x" }', "below the home folder"),
        ('mcp.docs.arguments = ["x"]', "mcp.docs.command: missing"),
        ('agent.cod.arguments = ["x"]', "agent.cod: no adapter is called"),
        ('agent.codex.args = ["x"]', "agent.codex.args: no such key"),
        ("agent = 3", "agent: a table is wanted"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_file_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(PluginError, match=rf"mine\.toml: .*{said}"):
        load(_written(tmp_path, text))


def test_a_missing_file_is_said_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"none\.toml: No such file"):
        find(str(tmp_path / "none.toml"))

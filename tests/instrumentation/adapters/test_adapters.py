"""What every adapter must say, and how one is found."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from spanscore.instrumentation import adapters
from spanscore.instrumentation.adapters import AdapterError, all, find, version_in
from spanscore.instrumentation.adapters.adapter import Adapter

FOLDER = Path(adapters.__file__).parent
WANTED = {
    *("aider", "codex", "copilot", "crush", "goose", "opencode", "openhands", "pi", "plandex"),
    *("qwen-code", "claude-code", "gemini-cli", "mini-swe-agent", "command"),
}


def test_every_agent_that_was_promised_has_an_adapter() -> None:
    assert {adapter.name for adapter in all()} >= WANTED


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AdapterError, match=r"'cod'; known: aider, .*codex"):
        find("cod")


@pytest.mark.parametrize("adapter", all(), ids=lambda adapter: adapter.name)
def test_every_adapter_can_be_got_and_asked_for_its_version(adapter: Adapter) -> None:
    install = adapter.install
    assert (install.registry == "none") == (not install.packages)
    assert install.version or install.url or not adapter.version_command
    assert adapter.name == "command" or adapter.version_command or not adapter.install.packages


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_adapters_import_none_of_their_siblings(path: Path) -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level == 1
    }
    assert imported <= {"adapter", "mcp"}


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("codex-cli 0.169.0\n", "0.169.0"),
        ("2.1.331 (Claude Code)", "2.1.331"),
        ("v1.2.3-rc.1", "1.2.3-rc.1"),
        ("command not found", None),
    ],
)
def test_a_version_is_found_among_other_words(printed: str, version: str | None) -> None:
    assert version_in(printed) == version

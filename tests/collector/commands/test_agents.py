"""`spanscore agents`: all adapters, one in full, an image of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spanscore.instrumentation.adapters import all
from tests.collector.test_cli import run

DOCS = Path(__file__).parents[3] / "docs"


def test_every_adapter_is_listed_with_its_version_and_whether_it_was_tried(tmp_path: Path) -> None:
    rows = json.loads(run(tmp_path, "agents", "--format", "json").stdout)
    assert {row["agent"]: row["state"] for row in rows} == {
        adapter.name: "tried" if adapter.tried else "untried" for adapter in all()
    }
    listed = run(tmp_path, "agents").stdout
    assert re.search(r"\| codex +\| 0\.169\.0 +\|", listed)


def test_one_agent_is_shown_with_all_that_starts_it(tmp_path: Path) -> None:
    shown = run(tmp_path, "agents", "codex").stdout
    for part in ("npm install", "codex exec", "config.toml", "[otel.exporter]", "AGENTS.md"):
        assert part in shown
    whole = json.loads(run(tmp_path, "agents", "gemini-cli", "--format", "json").stdout)
    assert whole["exit_reasons"]["173"] == "provider_rate_limited"
    assert whole["plugins"] == ["short-retries"]


@pytest.mark.parametrize(
    ("agent", "base", "line"),
    [
        ("codex", "node:22", "npm install --global @openai/codex@0.169.0"),
        ("mini-swe-agent", "python:3.11", "pip install --no-cache-dir mini-swe-agent==2.4.6 mcp"),
    ],
)
def test_an_image_is_made_of_the_pinned_version(
    tmp_path: Path, agent: str, base: str, line: str
) -> None:
    printed = run(tmp_path, "agents", agent, "--dockerfile").stdout
    assert f"FROM {base}" in printed
    assert f"RUN {line}\n" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "no adapter is called 'nope'; known: aider"),
        (["--dockerfile"], "needs an agent"),
        (["goose", "--dockerfile"], "see https://"),
    ],
)
def test_what_cannot_be_shown_is_said_with_the_fix(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = run(tmp_path, "agents", *arguments)
    assert result.returncode == 2
    assert said in result.stderr


def test_the_docs_list_every_adapter_as_it_is() -> None:
    listed = re.findall(
        r"^\| ([\w-]+) \| ([\d.]*) ?\| [\w ]+ \| [\w, ]+ \| (\w+) \|$",
        (DOCS / "adapters.md").read_text(),
        re.M,
    )
    assert listed == [
        (a.name, a.install.version or "", "tried" if a.tried else "untried")
        for a in all()
        if a.name != "scripted"
    ]

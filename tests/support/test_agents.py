"""Installing and running agents, with a fake npm: what tests of real agents rely on."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from spanscore.collector.agent_lines import Setup
from spanscore.instrumentation.adapters.adapter import Adapter, Install

from .agents import AgentInstallError, install, run_agent

# Installs a command `agent` that runs what was in $NPM_FAKE_AGENT, and counts its own calls.
NPM = """#!/bin/sh
echo install >> "$NPM_FAKE_CALLS"
[ -n "$NPM_FAKE_AGENT" ] || { echo "404 no such package" >&2; exit 1; }
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/.bin"
printf '#!/bin/sh\\n%s\\n' "$NPM_FAKE_AGENT" > "$2/node_modules/.bin/agent"
chmod +x "$2/node_modules/.bin/agent"
"""
SETUP = Setup("Agent", {"TOLD": "by the collector"}, "~/.agent/config.toml", "[otel]\n")


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake npm on PATH; returns the file that counts its calls."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(NPM)
    program.chmod(0o755)
    calls = tmp_path / "npm-calls"
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("NPM_FAKE_CALLS", str(calls))
    monkeypatch.setenv("SPANSCORE_TEST_AGENTS_DIR", str(tmp_path / "cache"))
    return calls


def _run(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> int:
    monkeypatch.setenv("NPM_FAKE_AGENT", command)
    agent = Adapter(
        name="agent",
        title="Agent",
        install=Install("npm", ("agent@1.0.0",)),
        model_api=None,
        command=("agent",),
        environment={"MODEL_URL": "$model_url/v1"},
    )
    ended = run_agent(
        agent,
        folder / "run",
        model_url="http://127.0.0.1:1",
        setup=SETUP,
        environment={},
        timeout_s=timeout_s,
    )
    return ended.exit_code


def test_a_package_is_installed_once(npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_FAKE_AGENT", "true")
    first = install(Install("npm", ("@scope/agent@1.0.0",)))
    assert first == install(Install("npm", ("@scope/agent@1.0.0",)))
    assert (first / "agent").exists()
    assert npm.read_text() == "install\n"


def test_a_failed_install_names_the_package_and_the_way_out_and_leaves_nothing(
    npm: Path, tmp_path: Path
) -> None:
    with pytest.raises(AgentInstallError, match=r"agent@1\.0\.0: 404 no such package") as failed:
        install(Install("npm", ("agent@1.0.0",)))
    assert "-m 'not agents'" in str(failed.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_machine_without_npm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSCORE_TEST_AGENTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AgentInstallError, match="Node 20 or newer"):
        install(Install("npm", ("agent@1.0.0",)))


@pytest.mark.usefixtures("npm")
def test_an_agent_sees_its_setup_its_model_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere.test")
    see = 'test "$TOLD" = "by the collector" && test "$MODEL_URL" = http://127.0.0.1:1/v1 '
    see += '&& test -z "$OTEL_EXPORTER_OTLP_ENDPOINT" && grep -q otel ~/.agent/config.toml'
    assert _run(tmp_path, see, monkeypatch, timeout_s=10) == 0


@pytest.mark.usefixtures("npm")
def test_what_an_agent_left_running_has_ended_when_its_run_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert _run(tmp_path, f"exec 9> {held}; sleep 60 & exit 3", monkeypatch, timeout_s=10) == 3
        # The pipe ends when the last process that holds it has.
        assert select.select([reader], [], [], 10)[0]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


@pytest.mark.usefixtures("npm")
def test_an_agent_that_does_not_end_is_ended_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TimeoutError, match="agent still ran after"):
        _run(tmp_path, "sleep 60", monkeypatch, timeout_s=0.3)

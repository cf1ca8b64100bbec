"""Runs an agent once, in a home and a repository of its own, and ends its process group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from spanscore.collector.agent_lines import Setup
from spanscore.instrumentation.adapters.adapter import Adapter, LaunchContext
from spanscore.instrumentation.launch import launch
from tests.support.model_server import BUGGY_FILE, FIXED_TEXT, PROMPT

from .install import NODE, install

# Model names that the agents know; the scripted model answers to any.
_MODELS = {"claude-code": "claude-sonnet-4-5", "gemini-cli": "gemini-2.5-pro", "codex": "gpt-5"}

# Agents reach loopback only: for anything else they are told of a proxy that is not there.
_LOOPBACK_ONLY = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}


@dataclass(frozen=True, slots=True)
class AgentRun:
    """What a run left behind besides its telemetry; `fixed` tells whether the bug is gone."""

    exit_code: int
    stdout: str
    stderr: str
    wall_s: float
    fixed: bool


def run_agent(
    agent: Adapter,
    folder: Path,
    *,
    model_url: str,
    setup: Setup,
    environment: Mapping[str, str],
    timeout_s: float = 120,
) -> AgentRun:
    """Runs an agent on a small repository with a bug, below `folder`, which is its alone.

    The agent gets an empty home, no input, and nothing of this process's environment but PATH.
    Raises `AgentInstallError`, and `TimeoutError` if the agent has not ended after `timeout_s`.
    """
    commands = [install(agent.install), install(NODE)]
    home = folder / "home"
    workspace = _workspace(folder / "workspace")
    context = LaunchContext(
        prompt=PROMPT,
        model=_MODELS.get(agent.name, "gpt-4o"),
        model_url=model_url,
        model_key="test",
        home=str(home),
        workspace=str(workspace),
        otlp_http="",
        otlp_grpc="",
    )
    # Its telemetry is set up as a user would who has no adapter.
    start = launch(replace(agent, telemetry={}, telemetry_files={}), context)
    _write(home, start.files, setup)
    variables = {
        **start.environment,
        "PATH": os.pathsep.join([*map(str, commands), os.environ["PATH"]]),
        **_LOOPBACK_ONLY,
        **setup.environment,
        **environment,
    }
    started_s = time.monotonic()
    exit_code = _run(start.command, workspace, variables, folder, timeout_s)
    return AgentRun(
        exit_code,
        stdout=(folder / "stdout").read_text(errors="replace"),
        stderr=(folder / "stderr").read_text(errors="replace"),
        wall_s=time.monotonic() - started_s,
        fixed=(workspace / BUGGY_FILE[0]).read_text() == FIXED_TEXT,
    )


def _write(home: Path, files: Mapping[str, str], setup: Setup) -> None:
    home.mkdir(parents=True)
    texts = dict(files)
    if setup.config:
        name = setup.config_path.removeprefix("~/")
        texts[name] = texts.get(name, "") + setup.config
    for name, text in texts.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _workspace(workspace: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(workspace)], check=True)
    name, text = BUGGY_FILE
    (workspace / name).write_text(text)
    return workspace


def _run(
    command: Sequence[str],
    workspace: Path,
    variables: Mapping[str, str],
    output: Path,
    timeout_s: float,
) -> int:
    # Output goes to files: a daemon that an agent leaves behind would hold a pipe open.
    with (output / "stdout").open("wb") as stdout, (output / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [shutil.which(command[0], path=variables["PATH"]) or command[0], *command[1:]],
            cwd=workspace,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{command[0]} still ran after {timeout_s} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

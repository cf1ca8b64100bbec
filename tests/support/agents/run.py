"""Runs an agent once, in a home and a repository of its own, and ends its process group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spanscore.collector.agent_lines import Setup
from tests.support.model_server import BUGGY_FILE, FIXED_TEXT

from .install import install
from .known import RealAgent

_NODE = "node@22.23.3"  # Claude Code and Qwen Code want Node 22 or newer

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
    agent: RealAgent,
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
    commands = [install(agent.package), install(_NODE)]
    home = _home(folder / "home", agent, setup, model_url)
    workspace = _workspace(folder / "workspace")
    variables = {
        "HOME": str(home),
        "PATH": os.pathsep.join([*map(str, commands), os.environ["PATH"]]),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **_LOOPBACK_ONLY,
        **{key: value.replace("MODEL", model_url) for key, value in agent.environment.items()},
        **setup.environment,
        **environment,
    }
    command = [word.replace("HOME", str(home)) for word in agent.command]
    started_s = time.monotonic()
    exit_code = _run(command, workspace, variables, folder, timeout_s)
    return AgentRun(
        exit_code,
        stdout=(folder / "stdout").read_text(errors="replace"),
        stderr=(folder / "stderr").read_text(errors="replace"),
        wall_s=time.monotonic() - started_s,
        fixed=(workspace / BUGGY_FILE[0]).read_text() == FIXED_TEXT,
    )


def _home(home: Path, agent: RealAgent, setup: Setup, model_url: str) -> Path:
    home.mkdir(parents=True)
    files = {name: text.replace("MODEL", model_url) for name, text in agent.files.items()}
    if setup.config:
        name = setup.config_path.removeprefix("~/")
        files[name] = files.get(name, "") + setup.config
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


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

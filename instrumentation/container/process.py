"""A backend without a container: a bare process of this machine, with nothing to hold it back.

What it does: a scrubbed environment, a session of its own, the harness' timer, bounded output, a
memory limit that is looked at five times a second, and an end of everything that the command
started, also when the harness is killed. What it cannot do: keep a command from reading or writing
whatever its user may, from the network, or from killing the harness; limit CPU, processes or a
single burst of memory; and, on other systems than Linux, end what detached itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from . import BackendError, ContainerSpec, Ended, Image
from .output import BoundedFile, Pump
from .waiting import GRACE_S, until_end

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PIPE_S = 2.0
MARK = "SPANSCORE_PROCESS"
"""The one variable that a command gets beside its environment: by it we find what is ours."""

_LAST_S = 15.0
"""How long the supervisor may take to end everything."""


class ProcessBackend:
    """Runs commands as processes of this machine."""

    name = "process"

    def image(self, name: str | None) -> Image | None:
        """There are no images: what runs is what this machine has."""
        return None

    def run(self, spec: ContainerSpec, *, timeout_s: float, cancelled: threading.Event) -> Ended:
        """See Backend.run. A workdir or mount is a path of this machine.

        Raises BackendError for a mount that would have to be seen elsewhere.
        """
        for mount in spec.mounts:
            if Path(mount.target) != mount.source:
                raise BackendError(
                    f"{mount.source} cannot be seen at {mount.target}: the process backend has no "
                    "mounts; use --container docker"
                )
        with ExitStack() as closing:
            out = closing.enter_context(BoundedFile(spec.stdout, spec.output_limit_bytes))
            err = closing.enter_context(BoundedFile(spec.stderr, spec.output_limit_bytes))
            process, reports = _start(spec)
            pumps = [
                Pump(_open(process.stdout), out),
                Pump(_open(process.stderr), err),
            ]
            ended = _watch(process, reports, spec, timeout_s, cancelled)
            for pump in pumps:
                pump.join(_PIPE_S)
            for pipe in (process.stdout, process.stderr, process.stdin):
                with suppress(OSError):
                    _open(pipe).close()
        return Ended(**ended, dropped_output_bytes=out.dropped_bytes + err.dropped_bytes)

    def remove_leftovers(self) -> list[str]:
        """Nothing is left behind: a supervisor ends all when its harness is gone."""
        return []


def _start(spec: ContainerSpec) -> tuple[subprocess.Popen[bytes], IO[str]]:
    readable, writable = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_SUPERVISOR), str(writable)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=[writable],
        start_new_session=True,
        cwd="/",
        env={"LANG": "C.UTF-8"},
    )
    os.close(writable)
    told = {
        "command": list(spec.command),
        "environment": {**spec.environment, MARK: spec.name},
        "workdir": spec.workdir,
        "memory_limit_bytes": spec.memory_limit_bytes,
    }
    with suppress(BrokenPipeError):
        _open(process.stdin).write(json.dumps(told).encode() + b"\n")
    return process, os.fdopen(readable)


def _watch(
    process: subprocess.Popen[bytes],
    reports: IO[str],
    spec: ContainerSpec,
    timeout_s: float,
    cancelled: threading.Event,
) -> dict[str, Any]:
    """Wait for the end, or bring it about; what the supervisor said, as fields of Ended."""
    said: dict[str, Any] = {}
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(reports, said, over), daemon=True)
    reader.start()
    folders = [Path(spec.workdir), *(m.source for m in spec.mounts if not m.read_only)]
    reason = until_end(over, timeout_s=timeout_s, cancelled=cancelled, folders=folders)
    if reason is not None:
        _order(process, b"T" if reason != "disk" else b"K")
        if not over.wait(GRACE_S):
            _order(process, b"K")
            over.wait(_LAST_S)
    process.stdin.close() if process.stdin else None
    with suppress(subprocess.TimeoutExpired):
        process.wait(_LAST_S)
    reader.join(_PIPE_S)
    if not said.keys() & {"exit_code", "start_error"}:
        _end_marked(spec.name)  # somebody killed the supervisor
    return {
        "exit_code": said.get("exit_code"),
        "started_ns": said.get("started_ns"),
        "finished_ns": said.get("finished_ns"),
        "timed_out": reason == "timeout",
        "cancelled": reason == "cancelled",
        "disk_full": reason == "disk",
        "oom_killed": said.get("oom_killed"),
        "memory_peak_bytes": said.get("memory_peak_bytes"),
        "cpu_ns": said.get("cpu_ns"),
        "start_error": said.get("start_error"),
    }


def _read(reports: IO[str], said: dict[str, Any], over: threading.Event) -> None:
    """What the supervisor says; it is over when it has said all, or is dead."""
    try:
        with reports:
            for line in reports:
                said |= json.loads(line)
    finally:
        over.set()


def _order(process: subprocess.Popen[bytes], order: bytes) -> None:
    with suppress(BrokenPipeError, ValueError):
        _open(process.stdin).write(order)


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # asked for above
    return pipe


def _end_marked(name: str) -> None:
    """Kill every process that was given the mark of this command (Linux)."""
    wanted = f"{MARK}={name}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)

"""Where the verifier works: a copy of a workspace, and a fresh container for every command."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..container import Backend, ContainerSpec, Ended, Mount
from ..tasks.task import Task
from ..workspace import COPY_LIMIT_BYTES, copy, lay_over, remove_matching

MEMORY_LIMIT_BYTES = 2 << 30
"""What tests may take where the task does not give more."""

REPORT_VARIABLE = "SPANSCORE_REPORT"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


class VerifyError(Exception):
    """The verifier cannot do its work for a reason that is not the agent's; says what to do."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and where its output is."""

    ended: Ended
    stdout: Path
    stderr: Path


@dataclass
class Bench:
    """A copy of one workspace with the hidden tests in it, and the time that is left for it."""

    backend: Backend
    image: str | None
    task: Task
    folder: Path
    cancelled: threading.Event
    labels: Mapping[str, str] = field(default_factory=dict)
    _deadline_s: float = 0.0
    _runs: int = 0

    def prepare(self, workspace: Path) -> list[str]:
        """Copy the workspace, put back what nobody may change, put the hidden tests in.

        Returns what the copy lacks.
        """
        left_out = self.take(workspace)
        remove_matching(self.workspace, self.task.forbidden)
        lay_over(self.task.workspace, self.workspace, self.task.forbidden)
        if self.task.hidden_tests.is_dir():
            lay_over(self.task.hidden_tests, self.workspace)
        return left_out

    def take(self, workspace: Path) -> list[str]:
        """Copy a workspace as it is, and start the clock. Returns what the copy lacks."""
        # An agent may have filled the disk: what it left there is no failure of the harness.
        limit_bytes = min(COPY_LIMIT_BYTES, shutil.disk_usage(self.folder).free // 2)
        left_out = copy(workspace, self.workspace, limit_bytes)
        self.report.parent.mkdir()
        (self.folder / "home").mkdir()
        self._deadline_s = time.monotonic() + self.task.verification.timeout_s
        return left_out

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def report(self) -> Path:
        """Where the command may write its report: outside of what the agent could prepare."""
        return self.folder / "report" / "report"

    def run(self, command: Sequence[str]) -> Ran:
        """Run a command to its end or until the time is over. Raises VerifyError."""
        self._runs += 1
        stdout, stderr = (self.folder / f"{self._runs}.{name}" for name in ("out", "err"))
        spec = self._spec(command, stdout, stderr)
        left_s = max(self._deadline_s - time.monotonic(), 0.001)
        ended = self.backend.run(spec, timeout_s=left_s, cancelled=self.cancelled)
        if ended.start_error is not None:
            raise VerifyError(
                f"the verifier of {self.task.id} cannot start {command[0]}: {ended.start_error}; "
                f"install it, or give the task an `image` that has it"
            )
        return Ran(ended, stdout, stderr)

    def _spec(self, command: Sequence[str], stdout: Path, stderr: Path) -> ContainerSpec:
        contained = self.backend.name != "process"
        inside = {
            path: f"/spanscore/{path.name}" if contained else str(path)
            for path in (self.workspace, self.report.parent, self.folder / "home")
        }
        report = f"{inside[self.report.parent]}/{self.report.name}"
        environment = _ENVIRONMENT | {
            "HOME": inside[self.folder / "home"],
            REPORT_VARIABLE: report,
        }
        if not contained:
            environment["PATH"] = f"{Path(sys.executable).parent}:{_PATH}"
        limit_bytes = max(self.task.memory_limit_bytes or 0, MEMORY_LIMIT_BYTES)
        return ContainerSpec(
            name=f"spanscore-verify-{secrets.token_hex(6)}",
            image=self.image,
            command=[word.replace("{report}", report) for word in command],
            environment=environment,
            workdir=inside[self.workspace],
            stdout=stdout,
            stderr=stderr,
            mounts=[Mount(path, target) for path, target in inside.items()],
            user=f"{os.getuid()}:{os.getgid()}" if contained else None,
            memory_limit_bytes=limit_bytes if contained else None,
            labels=self.labels,
        )

"""A backend without a container and without limits: what the verifier's own tests run on."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass, field

from spanscore.instrumentation.container import ContainerSpec, Ended, Image


@dataclass
class BareBackend:
    """Runs each command as a child of the test, and keeps what it was asked to run."""

    name: str = "process"
    specs: list[ContainerSpec] = field(default_factory=list)

    def image(self, name: str | None) -> Image | None:
        return None

    def run(self, spec: ContainerSpec, *, timeout_s: float, cancelled: threading.Event) -> Ended:
        self.specs.append(spec)
        if cancelled.is_set():
            spec.stdout.touch()
            spec.stderr.touch()
            return Ended(None, None, None, cancelled=True)
        started = time.time_ns()
        with spec.stdout.open("wb") as out, spec.stderr.open("wb") as err:
            try:
                done = subprocess.run(
                    spec.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=spec.workdir,
                    env=dict(spec.environment),
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Ended(None, started, time.time_ns(), timed_out=True)
            except OSError as error:
                return Ended(None, None, None, start_error=str(error))
        return Ended(done.returncode, started, time.time_ns())

    def remove_leftovers(self) -> list[str]:
        return []

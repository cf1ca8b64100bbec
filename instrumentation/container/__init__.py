"""Where an agent or a verifier runs: a container runtime or a bare process, behind one protocol."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


class BackendError(Exception):
    """The backend cannot be used at all (no socket, no such image); the message names the fix."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or socket of this machine, seen inside at `target`."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """What pins an image. `digest` is the repository digest, else the id; None is unknown."""

    name: str
    id: str | None
    digest: str | None
    repo_digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One command to run, with all that it may see and use.

    `environment` is all that it gets, nothing is inherited. Output goes to the two files, at most
    `output_limit_bytes` each; what is beyond is dropped and counted.
    """

    name: str
    image: str | None
    command: Sequence[str]
    environment: Mapping[str, str]
    workdir: str
    stdout: Path
    stderr: Path
    mounts: Sequence[Mount] = ()
    network: Literal["none", "host"] = "none"
    sockets: Mapping[int, Path] = field(default_factory=dict)
    """Loopback ports inside that lead to unix sockets of this machine, and nowhere else."""
    user: str | None = None
    memory_limit_bytes: int | None = None
    cpu_limit: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    output_limit_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, as the runtime reports it. What nobody could find out is None."""

    exit_code: int | None
    started_ns: int | None
    finished_ns: int | None
    timed_out: bool = False
    cancelled: bool = False
    disk_full: bool = False
    """It was ended because it had left too little of a disk."""
    oom_killed: bool | None = None
    memory_peak_bytes: int | None = None
    cpu_ns: int | None = None
    container_id: str | None = None
    isolation: str = "none"
    """`none` (a bare process), `container`, or `network`: a container without one."""
    user: str | None = None
    network: str | None = None
    read_only: bool | None = None
    mounted_sockets: tuple[str, ...] = ()
    memory_limit_bytes: int | None = None
    cpu_limit: float | None = None
    start_error: str | None = None
    dropped_output_bytes: int = 0


class Backend(Protocol):
    """A way to run commands; each is a module of this folder."""

    name: str
    """`docker` or `process`: the value of container.runtime.name."""

    def image(self, name: str | None) -> Image | None:
        """What pins the image; None without images. Raises BackendError if there is none."""

    def run(self, spec: ContainerSpec, *, timeout_s: float, cancelled: threading.Event) -> Ended:
        """Run to the end, the timeout, or until `cancelled`; nothing of it is left running."""

    def remove_leftovers(self) -> list[str]:
        """Remove what a harness that was killed left behind; the names of what was removed."""

"""Runs shell lines on a backend, with a workspace and files for the output."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spanscore.instrumentation.container import Backend, ContainerSpec, Ended, Mount


@dataclass
class Bench:
    """A backend and a folder; `image` is None for bare processes."""

    backend: Backend
    folder: Path
    image: str | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.workspace.mkdir()

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def run(self, *command: str, timeout_s: float = 60.0, **given: Any) -> Ended:
        inside = "/spanscore/workspace" if self.image else str(self.workspace)
        spec = ContainerSpec(
            name=f"spanscore-test-{secrets.token_hex(4)}",
            image=self.image,
            command=command,
            workdir=inside,
            stdout=self.folder / "out",
            stderr=self.folder / "err",
            **{
                "environment": {"PATH": "/usr/local/bin:/usr/bin:/bin"},
                "mounts": [Mount(self.workspace, inside)],
                **given,
            },
        )
        return self.backend.run(spec, timeout_s=timeout_s, cancelled=self.cancelled)

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text(errors="replace")

"""What backends are installed into: kept, since it is large."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(
    os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "spanscore-tests", "backends"
)


def installed(requirement: str) -> Path:
    """The bin folder of an environment that has the requirement; made if there is none."""
    folder = ENVIRONMENTS / requirement.replace("==", "-")
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", requirement], check=True)
        ready.touch()
    return folder / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Which file a path leads to: a deleted one goes on for whoever has it open."""

from __future__ import annotations

import os
from pathlib import Path


def place_of(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to (device, inode); None where there is none."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino

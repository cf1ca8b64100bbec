"""The harness' timer: no runtime has one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

POLL_S = 0.1

GRACE_S = 5.0
"""What a command gets between SIGTERM and SIGKILL, to send the telemetry that it still has."""

RESERVE_BYTES = 512 << 20
"""A command that leaves less of a disk than this is ended: the collector needs the rest."""

Reason = Literal["timeout", "cancelled", "disk"]


def until_end(
    ended: threading.Event,
    *,
    timeout_s: float,
    cancelled: threading.Event,
    folders: Iterable[Path] = (),
) -> Reason | None:
    """Wait until `ended`; or the reason why the command must be ended now.

    `folders` are those that it can write to.
    """
    deadline_s = time.monotonic() + timeout_s
    reserves = {folder: min(RESERVE_BYTES, _free_bytes(folder) // 2) for folder in folders}
    while not ended.wait(min(POLL_S, max(deadline_s - time.monotonic(), 0))):
        if cancelled.is_set():
            return "cancelled"
        if time.monotonic() >= deadline_s:
            return "timeout"
        if any(_free_bytes(folder) < least for folder, least in reserves.items()):
            return "disk"
    return None


def _free_bytes(folder: Path) -> int:
    """Free space of the disk; a folder that is gone takes none."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 1 << 62
    return found.f_bavail * found.f_frsize

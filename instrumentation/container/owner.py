"""Who made a container or a folder, and whether that harness is gone."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


def owner() -> str:
    """This process, told apart from every other one of every other machine and boot."""
    return "/".join((_machine(), _boot(), str(os.getpid()), _started(os.getpid())))


def is_gone(told: str) -> bool:
    """Whether the process that `owner` told is gone; False for one of another machine."""
    with suppress(ValueError):
        machine, boot, pid, started = told.split("/")
        if machine != _machine():
            return False
        return boot != _boot() or _started(int(pid)) != started
    return False


@cache
def _machine() -> str:
    return socket.gethostname().replace("/", "_")


@cache
def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "unknown"


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty if there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
        return told.rpartition(")")[2].split()[19]
    except OSError:
        return "" if not _is_alive(pid) else "alive"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

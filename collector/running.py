"""`FILE.serve.json`: how commands find the collector that holds a database."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from .config import beside


@dataclass(frozen=True, slots=True)
class Running:
    """A running collector: its process and the URLs of its ports."""

    pid: int
    grpc: str
    http: str
    web: str
    started_at: str
    version: str
    embedded: bool = False
    """Started by a run, and stopping when no run needs it any more."""

    def write(self, db: Path) -> IO[str]:
        """Leave the file (mode 0600) beside the database, whole or not at all.

        It counts while the returned file is open, or the process lives: its lock ends with both.
        """
        path = beside(db, "serve.json")
        new = path.with_name(f"{path.name}.{os.getpid()}")
        file = os.fdopen(os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w")
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(self), file, indent=2)
        file.flush()
        new.replace(path)
        return file


def find(db: Path) -> Running | None:
    """The collector that holds `db`, or None; a file left by a killed one does not count.

    Told by the lock and not by the process id: another process, in a container even every first
    one, may have the id of the killed one.
    """
    try:
        with beside(db, "serve.json").open() as file:
            return Running(**json.load(file)) if _is_locked(file) else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def forget(db: Path) -> None:
    """Remove the file; no error if it is gone."""
    beside(db, "serve.json").unlink(missing_ok=True)

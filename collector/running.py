"""`FILE.serve.json`: how commands find the collector that holds a database."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

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

    def write(self, db: Path) -> None:
        """Leave the file (mode 0600) beside the database, whole or not at all."""
        path = beside(db, "serve.json")
        new = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        new.replace(path)


def find(db: Path) -> Running | None:
    """The collector that holds `db`, or None; a file left by a killed one does not count."""
    try:
        running = Running(**json.loads(beside(db, "serve.json").read_text()))
        os.kill(running.pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValueError, TypeError):
        return None
    except PermissionError:
        pass
    return running


def forget(db: Path) -> None:
    """Remove the file; no error if it is gone."""
    beside(db, "serve.json").unlink(missing_ok=True)

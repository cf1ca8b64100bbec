"""The command `spanscore` in a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPANSCORE = Path(sysconfig.get_path("scripts")) / "spanscore"
_TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class Printed:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The output of `--format json`."""
        rows: list[dict[str, Any]] = json.loads(self.out)
        return rows


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands in a folder, with its `spanscore.duckdb` as the database."""

    folder: Path
    environment: Mapping[str, str] | None = None

    def __call__(self, *arguments: object) -> Printed:
        done = subprocess.run(
            [SPANSCORE, *map(str, arguments)],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        return Printed(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        return subprocess.Popen(
            [str(SPANSCORE), *map(str, arguments)],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        printed = self("sql", query, "--format", "json")
        assert printed.code == 0, printed.err
        return printed.rows

    @property
    def variables(self) -> dict[str, str]:
        """This process's environment without settings of its own."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("SPANSCORE_", "OTEL_"))}
        return {**own, **(self.environment or {})}

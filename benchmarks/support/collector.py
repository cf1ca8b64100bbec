"""A collector under test: its processes, their CPU and memory, and when rows become visible."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from spanscore.collector.keys import read_token

_TICKS = os.sysconf("SC_CLK_TCK")
_COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


class Collector:
    """`spanscore serve` in `folder` while the `with` block runs."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.db = folder / "bench.duckdb"
        self._options = options

    def __enter__(self) -> Self:
        doors = [w for name in ("grpc", "http", "web") for w in (f"--{name}", "127.0.0.1:0")]
        self._process = subprocess.Popen(
            [_COMMAND, "serve", "--db", self.db, *doors, *self._options], stdout=subprocess.DEVNULL
        )
        note = self.db.with_name(f"{self.db.name}.serve.json")
        while not note.exists():
            if self._process.poll() is not None:
                raise RuntimeError("the collector did not start")
            time.sleep(0.05)
        self.urls: dict[str, Any] = json.loads(note.read_text())
        self.pids = self._find()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _find(self) -> dict[str, int]:
        found = {"service": self._process.pid}
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text().split():
            files = {os.readlink(f) for f in Path(f"/proc/{child}/fd").iterdir()}
            if str(self.db) in files:
                found["store"] = int(child)
            elif f"{self.db}.forward" in files:
                found["forwarder"] = int(child)
            elif f"{self.db}.inbox" in files:
                found["receiver"] = int(child)
        return found

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each process since it started."""
        return {name: _cpu_s(pid) for name, pid in self.pids.items()}

    def peak_mb(self) -> dict[str, float]:
        """Largest resident memory of each process so far, MB."""
        return {name: _peak_mb(pid) for name, pid in self.pids.items()}

    def loaded(self) -> int:
        """Spans that SQL can see now."""
        request = urllib.request.Request(
            f"{self.urls['web']}/api/sql",
            data=json.dumps({"sql": "SELECT count(*) AS n FROM span", "format": "json"}).encode(),
            headers={
                "Authorization": f"Bearer {read_token(self.db)}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(json.load(response)[0]["n"])

    def wait_for(self, spans: int, *, every_s: float = 0.1, timeout_s: float = 600) -> float:
        """When (`time.monotonic()`) that many spans were visible."""
        deadline_s = time.monotonic() + timeout_s
        while self.loaded() < spans:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{self.loaded()} of {spans} spans are visible")
            time.sleep(every_s)
        return time.monotonic()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024

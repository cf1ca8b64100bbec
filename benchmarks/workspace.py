"""A snapshot of a workspace of 20,000 files, beside its floor: reading the files alone.

    python -m benchmarks.workspace

The best of several rounds, because other work on the machine only ever adds to a round.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from spanscore.instrumentation.workspace import copy, snapshot

FILES = 20_000
FOLDERS = 200
FILE_BYTES = 2_000
ROUNDS = 3


def main() -> None:
    """Measure and print."""
    table = Table("step", "s", "CPU s", "files/s")
    with tempfile.TemporaryDirectory() as made:
        folder = _filled(Path(made) / "workspace")
        for name, step in {
            "floor: list and read every file": lambda: _read_all(folder),
            "snapshot": lambda: snapshot(folder),
            "copy": lambda: _copied(folder, Path(made)),
        }.items():
            wall_s, cpu_s = _best(step)
            table.add_row(name, f"{wall_s:.2f}", f"{cpu_s:.2f}", f"{FILES / wall_s:,.0f}")
    Console().print(table)


def _filled(folder: Path) -> Path:
    for number in range(FILES):
        place = folder / f"folder{number % FOLDERS}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.py").write_bytes(os.urandom(FILE_BYTES))
    return folder


def _read_all(folder: Path) -> None:
    for place in os.scandir(folder):
        for entry in os.scandir(place.path):
            with open(entry.path, "rb", buffering=0) as file:
                file.read()


def _copied(folder: Path, made: Path) -> None:
    with tempfile.TemporaryDirectory(dir=made) as target:
        copy(folder, Path(target) / "copy")


def _best(step: Callable[[], object]) -> tuple[float, float]:
    rounds = []
    for _ in range(ROUNDS):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        step()
        rounds.append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
    return min(wall for wall, _ in rounds), min(cpu for _, cpu in rounds)


if __name__ == "__main__":
    main()

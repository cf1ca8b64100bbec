"""How long exports take, and what memory: every form, over a million spans.

    python -m benchmarks.export                  2,000 runs of 500 spans, about 5 minutes
    python -m benchmarks.export parquet bundle   some forms, and the floor
    python -m benchmarks.export --quick          100 runs, to see that it runs

Prints a Markdown table; docs/performance.md holds a run. Each line is the command itself in a
process of its own. The floor is DuckDB's own COPY of the view `spans` to Parquet, likewise.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from .support.collector import Collector
from .support.runs import SPANS_A_RUN, make

COMMAND = str(Path(sysconfig.get_path("scripts")) / "spanscore")

_FLOOR = """
import duckdb, sys
db = duckdb.connect(sys.argv[1], read_only=True, config={"memory_limit": "256MB"})
db.execute(f"COPY (FROM spans) TO '{sys.argv[2]}' (COMPRESSION zstd)")
"""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    size_mb: float

    def line(self, name: str, spans: int) -> str:
        """A row of the table."""
        rate = spans / self.seconds
        return (
            f"| {name} | {self.seconds:.1f} | {self.cpu_seconds:.1f} | {rate:,.0f} | "
            f"{self.peak_mb:.0f} | {self.size_mb:.0f} |"
        )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs")
    parser.add_argument("forms", nargs="*", help=f"{', '.join(FORMS)}; all if none is named")
    arguments = parser.parse_args()
    runs = 100 if arguments.quick else 2_000
    forms = arguments.forms or list(FORMS)
    spans = runs * SPANS_A_RUN
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}; "
          f"{spans:,} spans\n")  # fmt: skip
    print("| export | s | CPU s | spans/s | peak MB | written MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        collector = Collector(folder)
        # In a process of its own: a child's peak begins with what its parent holds.
        making = get_context("spawn").Process(target=_make, args=(collector.db, runs))
        making.start()
        making.join()
        out = folder / "out"
        floor = [sys.executable, "-c", _FLOOR, str(collector.db), str(out)]
        print(_measure(floor, out).line("floor: COPY of `spans`", spans), flush=True)
        # The first command computes the views of every run, as the collector does in its time.
        subprocess.run(
            [COMMAND, "runs", "--db", str(collector.db)], check=True, stdout=subprocess.DEVNULL
        )
        for form in forms:
            words = FORMS[form]
            if form == "served":
                with collector:
                    cost = _export(collector.db, out, words)
            else:
                cost = _export(collector.db, out, words)
            print(cost.line(f"`{form}`", spans), flush=True)


FORMS = {
    "parquet": ["--format", "parquet"],
    "served": ["--format", "parquet"],  # through a running collector
    "otlp-proto": ["--format", "otlp-proto"],
    "otlp-json": ["--format", "otlp-json"],
    "csv": ["--format", "csv"],
    "bundle": ["--bundle"],
}


def _make(db: Path, runs: int) -> None:
    make(db, runs).close()


def _export(db: Path, out: Path, words: list[str]) -> Cost:
    return _measure([COMMAND, "export", "--db", str(db), "-o", str(out), *words], out)


def _measure(command: list[str], out: Path) -> Cost:
    """Run it, and remove what it wrote."""
    began_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(told.decode())
    seconds = time.monotonic() - began_s
    files = sorted(out.iterdir()) if out.is_dir() else [out]
    size = sum(file.stat().st_size for file in files)
    for file in files:
        file.unlink()
    if out.is_dir():
        out.rmdir()
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size / 1e6)


if __name__ == "__main__":
    main()

"""What a lake costs: writing it, looking after it, asking it.

    python -m benchmarks.lake write                  the writer, on an inbox of 204,800 thin spans
    python -m benchmarks.lake make DIR --runs 20000  files of 10 million spans, about 4 minutes
    python -m benchmarks.lake compact DIR            some minutes
    python -m benchmarks.lake ask DIR                commands as a user runs them, each a process

Each prints a Markdown table; docs/performance.md holds a run.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from spanscore.collector.decode.batch import decode
from spanscore.collector.inbox import Entry, Inbox, Request
from spanscore.collector.lake.parquet import to_parquet
from spanscore.collector.lake.rows import Source, lake_rows
from spanscore.collector.lake.writer import LakeWriter
from spanscore.collector.signals import Signal
from spanscore.queries.lake.storage import open_storage

from .support.batches import SPANS, thin
from .support.lakes import make_lake
from .support.runs import SPANS_A_RUN

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
REQUESTS = 400
REQUESTS_AT_ONCE = 24
TIMES = 3

Cost = tuple[float, float]
"""Seconds of wall clock and of CPU."""


def main() -> None:
    """Run one of the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=["write", "make", "compact", "ask"])
    parser.add_argument("lake", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=20_000, help="of 500 spans each")
    chosen = parser.parse_args()
    if chosen.part != "write" and chosen.lake is None:
        parser.error(f"{chosen.part} needs the lake's folder")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}\n")
    parts: dict[str, Callable[[], None]] = {
        "write": _write,
        "make": lambda: _make(chosen.lake, chosen.runs),
        "compact": lambda: _compact(chosen.lake),
        "ask": lambda: _ask(chosen.lake),
    }
    parts[chosen.part]()


def _write() -> None:
    """The writer beside what it cannot do without: decoding, and Parquet of ready rows."""
    requests = [Request(Signal.TRACES, "open", time.time_ns(), body) for body in thin(REQUESTS)]
    spans = REQUESTS * SPANS
    source = Source("bench", "bench")
    entries = [Entry(number, request) for number, request in enumerate(requests, start=1)]
    groups = [entries[n : n + REQUESTS_AT_ONCE] for n in range(0, REQUESTS, REQUESTS_AT_ONCE)]
    tables = []

    def decoded() -> None:
        for group in groups:
            batch = decode(Signal.TRACES, [entry.request for entry in group])
            tables.append(lake_rows(Signal.TRACES, batch, group, source))

    def as_parquet() -> None:
        for table in tables:
            to_parquet(table, {})

    print("| step | CPU us a span | spans/s |\n|---|---|---|")
    _print_rate("decode alone", _cost(decoded), spans)
    _print_rate("Parquet of ready rows alone", _cost(as_parquet), spans)
    with tempfile.TemporaryDirectory() as folder, Inbox(Path(folder, "s.inbox")) as inbox:
        lake = Path(folder, "lake")
        writer = LakeWriter(
            inbox, open_storage(lake), Path(folder, "s.lake.json"), every_s=0, collector="bench"
        )
        inbox.append(requests)

        def sealed() -> None:
            while writer.seal():
                pass

        _print_rate("the writer, from inbox to sealed files", _cost(sealed), spans)
        size, files = _size(lake)
    print(f"\n{size / spans:.0f} bytes a span, {files} files of {size / files / 1e6:.1f} MB")


def _print_rate(step: str, cost: Cost, spans: int) -> None:
    wall_s, cpu_s = cost
    print(f"| {step} | {cpu_s * 1e6 / spans:.1f} | {spans / wall_s:,.0f} |", flush=True)


def _make(lake: Path, runs: int) -> None:
    wall_s, cpu_s = _cost(lambda: make_lake(lake, runs))
    size, files = _size(lake)
    print(f"{runs * SPANS_A_RUN:,} spans in {files:,} files, {size / 1e6:,.0f} MB; "
          f"{wall_s:.0f} s, {cpu_s:.0f} CPU s")  # fmt: skip


def _compact(lake: Path) -> None:
    size, files = _size(lake)
    wall_s, cpu_s = _cost_of("lake", "compact", "--lake", str(lake))
    manifest = max((lake / "manifest").iterdir())
    made = list(lake.rglob("compacted-*.parquet"))
    index = sum(path.stat().st_size for path in (lake / "index").rglob("*.parquet"))
    print("| compaction | |\n|---|---|")
    print(f"| files before | {files:,} of {size / 1e6:,.0f} MB |")
    made_mb = sum(path.stat().st_size for path in made) / 1e6
    print(f"| files after | {len(made):,} of {made_mb:,.0f} MB |")
    print(f"| index, manifest | {index / 1e6:,.1f} MB, {manifest.stat().st_size / 1e6:.2f} MB |")
    print(f"| took | {wall_s:.0f} s, {cpu_s:.0f} CPU s |")


def _ask(lake: Path) -> None:
    """Commands over the lake, each a process of its own, beside a bare scan of one column."""
    print("| question | s | CPU s |\n|---|---|---|")
    _print_answer("floor: DuckDB, `sum(duration_ns)` over the files of spans",
                  (_cost(lambda: _scan(lake)) for _ in range(TIMES)))  # fmt: skip
    for words in (
        ("score",),
        ("runs", "--limit", "20"),
        ("sql", "SELECT count(*) FROM spans"),
        ("sql", _AN_HOUR),
        ("sql", "SELECT tool, count(*) FROM tool_calls GROUP BY tool"),
    ):
        costs = (_cost_of(*words, "--db", str(lake)) for _ in range(TIMES))
        _print_answer(f"`{' '.join(words)}`", costs)


_AN_HOUR = (
    "SELECT role, count(*) FROM spans WHERE start_time BETWEEN "
    "TIMESTAMP '2026-09-22 01:00:00' AND TIMESTAMP '2026-09-22 02:00:00' GROUP BY role"
)


def _scan(lake: Path) -> None:
    duckdb.sql(f"SELECT sum(duration_ns) FROM '{lake}/spans/*/*/*.parquet'").fetchall()


def _print_answer(question: str, costs: Iterator[Cost]) -> None:
    found = sorted(costs)
    wall_s, cpu_s = (statistics.median(part) for part in zip(*found, strict=True))
    print(f"| {question} | {wall_s:.2f} | {cpu_s:.2f} |", flush=True)


def _size(lake: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in lake.rglob("*.parquet")]
    return sum(sizes), len(sizes)


def _cost(step: Callable[[], object]) -> Cost:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - began_s, time.process_time() - began_cpu_s


def _cost_of(*words: str) -> Cost:
    """Of a command as a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    subprocess.run([COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
    wall_s = time.perf_counter() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

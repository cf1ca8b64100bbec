"""How long questions take: every view and command, over 1 and 10 million spans.

    python -m benchmarks.queries            2,000 and 20,000 runs of 500 spans, about 5 minutes
    python -m benchmarks.queries --quick    200 and 2,000 runs, to see that it runs

Prints Markdown tables; docs/performance.md holds a run. A view is read whole, with every column;
the commands ask a running collector, as they do when one holds the file.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from spanscore.collector.commands.compare import compare_two
from spanscore.collector.commands.runs import Filters, list_runs
from spanscore.collector.commands.score import score
from spanscore.collector.commands.show import show_run
from spanscore.collector.config import Settings, load
from spanscore.collector.store.database import open_database
from spanscore.collector.store.marts import Marts
from spanscore.collector.store.stale_runs import mark_runs
from spanscore.queries import catalog

from .support.collector import Collector
from .support.runs import SPANS_A_RUN, make

TIMES = 5

Costs = dict[str, float]


def main() -> None:
    """Measure both sizes and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    sizes = (200, 2_000) if parser.parse_args().quick else (2_000, 20_000)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}; "
          f"medians of {TIMES}\n")  # fmt: skip
    found = []
    for runs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found.append(_measure(Path(folder), runs))
    heads = [f"{runs * SPANS_A_RUN:,} spans" for runs in sizes]
    for title, unit, part in (("keeping", "s", 0), ("view", "ms", 1), ("command", "ms", 2)):
        print(f"| {title} | {' | '.join(f'{head}, {unit}' for head in heads)} |")
        print("|---" * (len(heads) + 1) + "|")
        for name in found[0][part]:
            print(f"| {name} | {' | '.join(f'{costs[part][name]:.1f}' for costs in found)} |")
        print()


def _measure(folder: Path, runs: int) -> tuple[Costs, Costs, Costs]:
    """Seconds of keeping, ms of each view, ms of each command."""
    collector = Collector(folder)
    make(collector.db, runs).close()
    with contextlib.closing(open_database(collector.db)) as connection:
        keeping = _keep(connection)
        views = _views(connection)
    settings = load(db=collector.db)
    with collector:
        commands = {name: _median_ms(ask) for name, ask in _commands(settings, runs).items()}
    return keeping, views, commands


def _keep(connection: duckdb.DuckDBPyConnection) -> Costs:
    """From nothing, and again for one run."""
    marts = Marts(connection)
    marts.mark_all()
    all_s = _seconds(marts.refresh_all)
    mark_runs(connection, ["run-0000100"])
    return {"all runs": all_s, "one run": _seconds(marts.refresh_all)}


def _views(connection: duckdb.DuckDBPyConnection) -> Costs:
    return {
        view.name: _median_ms(partial(_read, connection, view.name))
        for view in catalog.builtin()
        if view.layer == "marts"
    }


def _read(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS FROM {view}")


def _commands(settings: Settings, runs: int) -> dict[str, Callable[[], None]]:
    run = f"run-{runs // 2:07d}"
    return {
        "runs": lambda: list_runs(settings, Filters(), 50, "table"),
        "runs --failure": lambda: list_runs(
            settings, Filters(failure="provider_rate_limited"), 50, "json"
        ),
        "show RUN": lambda: show_run(settings, run, "table"),
        "show RUN --format json": lambda: show_run(settings, run, "json"),
        "score": lambda: score(settings, "table"),
        "compare A B": lambda: compare_two(settings, "aider", "codex", "table"),
    }


def _median_ms(ask: Callable[[], object]) -> float:
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        ask()
        return statistics.median(_seconds(ask) for _ in range(TIMES)) * 1000


def _seconds(step: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    step()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()

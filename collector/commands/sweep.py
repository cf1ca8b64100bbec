"""`spanscore sweep FILE`: every run of a sweep that is not in the database yet."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import orjson

from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.harness import Harness
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.run import run_cell
from spanscore.instrumentation.sweep import Done, Sweep, SweepError, load, to_do

from ..config import ConfigError, Settings, beside
from .progress import Progress
from .run import (
    EXIT_BY,
    asked_for,
    backend_of,
    check,
    collector_of,
    harness_of,
    loaded,
    signals,
    tell_of_collector,
)
from .run_result import Result
from .run_terms import terms_of
from .runs import quoted
from .show import rows_of

_SPOILED = 4


@dataclass(frozen=True, slots=True)
class Work:
    """One command's view of a sweep."""

    settings: Settings
    harness: Harness
    progress: Progress
    total: int
    nth: Iterator[int] = field(default_factory=lambda: count(1))
    """Numbers the runs as they end."""

    def run(self, cell: Cell, terms: Terms) -> tuple[Cell, Outcome] | None:
        """Run one cell; None when the operator was faster."""
        if self.harness.cancellation.is_set():
            return None
        outcome = run_cell(self.harness, cell, terms)
        self.progress.done(outcome.run_id)
        return cell, outcome

    def told(self, cell: Cell, outcome: Outcome) -> Result:
        """Say what came of a run, once the views know it."""
        result = Result(outcome, loaded(self.settings, outcome.run_id, self.progress.tell))
        self.progress.tell(f"{next(self.nth)}/{self.total} {_line(cell, result)}")
        return result


def run_sweep(
    settings: Settings,
    file: Path,
    *,
    parallel: int | None,
    rerun_spoiled: bool,
    form: Literal["text", "json"],
) -> int:
    """Run what is missing of a sweep, at most `parallel` at a time; the exit code.

    Raises ConfigError, BackendError and SweepError before anything starts.
    """
    with asked_for():
        sweep = load(file)
        terms = {cell.id: _terms(file, sweep, cell) for cell in sweep.cells}
        backend = backend_of(sweep.container, terms[sweep.cells[0].id], sweep.cells[0])
        for cell in sweep.cells[1:]:
            check(backend, terms[cell.id], cell)
    with ExitStack() as opened:
        opened.enter_context(_alone(settings.db, sweep))
        collector = opened.enter_context(collector_of(settings, None))
        missing = _missing(settings, sweep, rerun_spoiled)
        progress = opened.enter_context(Progress(len(missing)))
        progress.tell(_plan(sweep, missing))
        tell_of_collector(collector, progress.tell)
        harness = opened.enter_context(harness_of(settings, backend, collector, progress))
        opened.enter_context(signals(harness.cancellation))
        work = Work(settings, harness, progress, len(missing))
        results = run_all(work, missing, terms, parallel or sweep.parallel)
    _print(sweep, results, len(missing), settings, form)
    if harness.cancellation.by:
        return EXIT_BY[harness.cancellation.by]
    return _SPOILED if any(result.word == "spoiled" for result in results) else 0


def _terms(file: Path, sweep: Sweep, cell: Cell) -> Terms:
    """The terms of a cell; what is wrong with them is said of the file and its key."""
    try:
        return terms_of(sweep.options_of(cell))
    except ConfigError as error:
        option, _, fix = str(error).partition(": ")
        key = option.removeprefix("--").replace("-", "_")
        raise SweepError(f"{file}: {key}: {fix} (of {cell.id})") from None


def run_all(
    work: Work, missing: Sequence[Cell], terms: dict[str, Terms], parallel: int
) -> list[Result]:
    """All runs, and one after the other what the views say of them, for which no run waits."""
    with (
        ThreadPoolExecutor(1, thread_name_prefix="spanscore-told") as teller,
        ThreadPoolExecutor(parallel, thread_name_prefix="spanscore-cell") as pool,
    ):
        running = [pool.submit(work.run, cell, terms[cell.id]) for cell in missing]
        try:
            ended = (future.result() for future in as_completed(running))
            telling = [teller.submit(work.told, *run) for run in ended if run is not None]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what cannot be run now fails again
            raise
        return [future.result() for future in telling]


@contextmanager
def _alone(db: Path, sweep: Sweep) -> Iterator[None]:
    """A sweep is run by one command at a time: two would both run what is missing."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", sweep.id)
    path = beside(db, f"sweep-{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SweepError(
                f"the sweep {sweep.id} is being run by another command on {db}; wait for its end, "
                "or give this one a `name` of its own"
            ) from None
        yield
        path.unlink(missing_ok=True)


def _missing(settings: Settings, sweep: Sweep, rerun_spoiled: bool) -> Sequence[Cell]:
    rows = rows_of(
        settings,
        "SELECT r.cell_id, r.attempt, r.status, o.outcome, o.failure_class "
        "FROM runs AS r JOIN outcomes AS o USING (run_id) "
        f"WHERE r.cell_id IS NOT NULL AND r.sweep_id = {quoted(sweep.id)}",
    )
    done = [
        Done(
            cell_id=row["cell_id"],
            attempt=row["attempt"] or 0,
            is_finished=row["status"] == "finished" and row["failure_class"] != "cancelled",
            is_spoiled=row["outcome"] == "spoiled",
        )
        for row in rows
    ]
    numbers = rows_of(
        settings,
        "SELECT cell_id, max(attempt) AS attempt FROM runs "
        "WHERE cell_id IS NOT NULL AND attempt IS NOT NULL GROUP BY cell_id",
    )
    attempts = {row["cell_id"]: row["attempt"] for row in numbers}
    return to_do(sweep, done, attempts, rerun_spoiled=rerun_spoiled)


def _plan(sweep: Sweep, missing: Sequence[Cell]) -> str:
    wanted = len(sweep.cells) * sweep.repeats
    return (
        f"sweep {sweep.id}: {len(sweep.cells)} cells x {sweep.repeats} runs: "
        f"{max(wanted - len(missing), 0)} are done, {len(missing)} to run"
    )


def _line(cell: Cell, result: Result) -> str:
    told = result.told or {}
    words = [f"{cell.id} #{cell.attempt}", result.word]
    if told.get("failure_class"):
        words[-1] += f": {told['failure_class']}"
    if told.get("composite") is not None:
        words.append(f"score {told['composite']:.3f}")
    if told.get("wall_clock_ms") is not None:
        words.append(f"{told['wall_clock_ms'] / 1000:.1f} s")
    if result.provisional:
        words.append("provisional")
    return ", ".join(words)


def _print(
    sweep: Sweep,
    results: Sequence[Result],
    planned: int,
    settings: Settings,
    form: Literal["text", "json"],
) -> None:
    if form == "json":
        rows = [result.row() for result in results]
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    counts = Counter(result.word for result in results)
    said = ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "nothing to do"
    print(f"sweep {sweep.id}: {len(results)} of {planned} run: {said}")
    if provisional := sum(bool(result.provisional) for result in results):
        print(f"  {provisional} of them provisional, not to be cited")
    if counts["spoiled"]:
        print("  run again what was spoiled: the same command with --rerun spoiled")
    print(f"  next: spanscore score --db {settings.db}")
    print(f"        spanscore runs --sweep {sweep.id} --db {settings.db}")
    sys.stdout.flush()

"""`spanscore demo`: three real runs of a scripted agent, and what spanscore makes of them."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from rich.console import Console
from rich.text import Text

from spanscore.instrumentation import adapters, tasks
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.container.process import ProcessBackend
from spanscore.instrumentation.harness import Harness
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.proxy import Upstream
from spanscore.instrumentation.run import run_cell
from spanscore.instrumentation.scripted.server import ModelServer
from spanscore.instrumentation.tasks import Task

from ..config import Settings
from ..embedded import collecting
from .progress import Progress
from .run import EXIT_BY, LOADED_S, harness_of, loaded, signals
from .run_result import Result, print_result
from .runs import quoted
from .score import score
from .show import rows_of

SWEEP = "demo"
MODEL = "scripted"

_POLL_S = 0.5
_OPENING = """\
Three runs of a small agent that is shipped. All of it is real - collector, recording
proxy, agent, workspace diff, hidden tests, scores - but the model, which follows a
script. No network, no key, no container: bare processes of this machine."""


@dataclass(frozen=True, slots=True)
class Act:
    """A run of the demo: its task, what the model does, and what has to come of it."""

    task: str
    model_does: str
    failure_class: str | None


ACTS = (
    Act("mutation-intervals", "the model finds the defect and repairs it", None),
    Act("outcome-fails", "the model repairs one half and says that it is done", "wrong_patch"),
    Act(
        "outcome-rate-limited",
        "the model's provider answers HTTP 429 to every call",
        "provider_rate_limited",
    ),
)


def run_demo(settings: Settings, form: Literal["text", "json"]) -> int:
    """Run the demo and print it; 0 if each run came to what was scripted, else 1."""
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
    if form == "text":
        console.print(_OPENING)
    with collecting(settings) as collector:
        with Progress(total=len(ACTS)) as progress, ExitStack() as running:
            backend = ProcessBackend()
            harness = running.enter_context(harness_of(settings, backend, collector, progress))
            running.enter_context(signals(harness.cancellation))
            results = _acted(settings, harness, progress)
        if form == "text":
            _print(console, settings, results)
    if form == "json":
        rows = [result.row() for result in results]
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    return EXIT_BY.get(harness.cancellation.by or "", _differences(results))


def _acted(settings: Settings, harness: Harness, progress: Progress) -> list[Result]:
    """The runs, and then what the views say of them; fewer when the operator ends it."""
    attempt = _next_attempt(settings)
    outcomes: list[Outcome] = []
    for act in ACTS:
        if not harness.cancellation.is_set():
            outcomes.append(_run(harness, tasks.find(act.task), attempt))
            progress.done(outcomes[-1].run_id)
    _wait(settings, [outcome.run_id for outcome in outcomes])
    return [
        Result(outcome, loaded(settings, outcome.run_id, progress.tell)) for outcome in outcomes
    ]


def _next_attempt(settings: Settings) -> int:
    sql = f"SELECT coalesce(max(attempt), 0) + 1 AS n FROM runs WHERE sweep_id = {quoted(SWEEP)}"
    return int(rows_of(settings, sql)[0]["n"])


def _run(harness: Harness, task: Task, attempt: int) -> Outcome:
    """One real run: collector, proxy, agent, diff and verifier; the model alone is scripted."""
    assert task.script is not None
    with ModelServer(task.script) as model:
        agent = adapters.find("scripted")
        cell = Cell(agent, MODEL, task, attempt=attempt, sweep_id=SWEEP)
        return run_cell(harness, cell, Terms(Upstream(model.url)))


def _wait(settings: Settings, runs: list[str]) -> None:
    """Until the views have these runs: one cheap question now and then, as they are at work."""
    ids = ", ".join(map(quoted, runs))
    sql = f"SELECT count(*) AS n FROM runs WHERE status = 'finished' AND run_id IN ({ids})"
    deadline_s = time.monotonic() + LOADED_S
    while rows_of(settings, sql)[0]["n"] < len(runs) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)


def _differences(results: list[Result]) -> int:
    """1 and a line for each run that came to something else than was scripted."""
    wrong = 0
    for act, result in zip(ACTS, results, strict=False):
        found = (result.told or {}).get("failure_class")
        if result.told is None or found != act.failure_class:
            was = result.outcome.error or found or result.word
            print(
                f"spanscore: {act.task} should have come to {act.failure_class or 'a pass'}, "
                f"and came to {was}",
                file=sys.stderr,
            )
            wrong = 1
    return wrong


def _print(console: Console, settings: Settings, results: list[Result]) -> None:
    for number, (act, result) in enumerate(zip(ACTS, results, strict=False), 1):
        console.print(Text(f"\n{number}. {act.model_does}", "bold cyan"))
        print_result(result, settings.db, sys.stdout)
    console.print(Text("\nTogether: all runs, and those that nobody else spoiled", "bold cyan"))
    score(settings, "table")
    console.print(Text("\nWhere to look next", "bold cyan"))
    for command, what in _next(settings.db, results[-1].outcome.run_id):
        console.print(Text(f"  {command}", "bold").append(f"\n      {what}", "default"))


def _next(db: Path, run: str) -> list[tuple[str, str]]:
    return [
        (f"spanscore show {run} --db {db}", "where its time went, each call, and the proof"),
        (f"spanscore serve --db {db}", "prints a link to the same as pages, and receives OTLP"),
        (
            f'spanscore sql "SELECT task, failure_class, attributed_to, reason '
            f'FROM runs JOIN failures USING (run_id)" --db {db}',
            "every score is SQL over public views",
        ),
        (
            "spanscore run --agent codex --model MODEL --task polyglot-shell --endpoint URL",
            "a real agent with a real model",
        ),
    ]

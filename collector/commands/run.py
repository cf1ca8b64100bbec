"""`spanscore run`: one cell, its result on a screen or as JSON, and an exit code that tells it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from spanscore.instrumentation import adapters, plugins, tasks
from spanscore.instrumentation.adapters.adapter import AdapterError
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.container import Backend, BackendError
from spanscore.instrumentation.container.docker import DockerBackend
from spanscore.instrumentation.container.process import ProcessBackend
from spanscore.instrumentation.delivery import Collector, refusal
from spanscore.instrumentation.harness import Cancellation, Harness
from spanscore.instrumentation.images import install_line
from spanscore.instrumentation.launch import check_command_line
from spanscore.instrumentation.plugins import PluginError
from spanscore.instrumentation.proxy import ProxyError
from spanscore.instrumentation.recording import AGENT_TOKEN, HARNESS_TOKEN
from spanscore.instrumentation.run import run_cell
from spanscore.instrumentation.sweep import SweepError
from spanscore.instrumentation.tasks import TaskError
from spanscore.queries.view import CatalogError

from ..client import ClientError
from ..config import ConfigError, Settings, beside
from ..embedded import collecting
from ..inbox import InboxError
from ..store.database import DatabaseError
from ..store.query_error import QueryError
from .progress import Progress
from .run_result import Result, exit_code, print_result
from .runs import quoted
from .show import rows_of

LOADED_S = 120.0
"""How long a run's last span may take from its acknowledgement into the views."""

NOT_PINNED = "process: no container holds the agent back, and the run is provisional"

EXIT_BY = {"SIGINT": 130, "SIGTERM": 143}
"""The exit code of a command whose runs the operator ended, by the signal."""

_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for, by name."""

    agent: str
    model: str
    task: str
    plugins: tuple[str, ...] = ()
    command_line: str = ""
    container: Literal["docker", "process"] | None = None
    collector_url: str | None = None
    sweep: str | None = None
    attempt: int | None = None
    seed: int | None = None


def run_one(settings: Settings, wanted: Wanted, terms: Terms, form: Literal["text", "json"]) -> int:
    """Run one cell and print what came of it; the exit code.

    Raises ConfigError and BackendError, before anything starts, for what is not there.
    """
    with asked_for():
        cell = cell_of(wanted)
        backend = backend_of(wanted.container, terms, cell)
    with ExitStack() as opened:
        progress = opened.enter_context(Progress())
        collector = opened.enter_context(collector_of(settings, wanted.collector_url))
        tell_of_collector(collector, progress.tell)
        here = wanted.collector_url is None
        attempt = wanted.attempt or (next_attempt(settings, cell) if here else 1)
        harness = opened.enter_context(harness_of(settings, backend, collector, progress))
        opened.enter_context(signals(harness.cancellation))
        outcome = run_cell(harness, replace(cell, attempt=attempt), terms)
        told = loaded(settings, outcome.run_id, progress.tell) if here else None
    result = Result(outcome, told)
    if form == "json":
        print(orjson.dumps([result.row()], option=orjson.OPT_INDENT_2).decode())
    else:
        print_result(result, settings.db, sys.stdout)
    return EXIT_BY.get(harness.cancellation.by or "", exit_code(result))


@contextmanager
def asked_for() -> Iterator[None]:
    """What names a thing that is not there is a wrong command line: raises ConfigError for it."""
    try:
        yield
    except (AdapterError, TaskError, PluginError, SweepError, ProxyError) as error:
        raise ConfigError(str(error)) from None


def cell_of(wanted: Wanted) -> Cell:
    """The cell that is meant. Raises AdapterError, TaskError and PluginError."""
    return Cell(
        agent=adapters.find(wanted.agent),
        model=wanted.model,
        task=tasks.find(wanted.task),
        plugins=tuple(plugins.find(name) for name in wanted.plugins),
        command_line=wanted.command_line,
        attempt=wanted.attempt or 1,
        sweep_id=wanted.sweep,
        seed=wanted.seed,
    )


def backend_of(name: str | None, terms: Terms, cell: Cell) -> Backend:
    """The backend that is asked for; else containers where there is an image to make them of.

    What is not there is said before anything starts. Raises as `check` does.
    """
    backend: Backend
    if name == "process" or (name is None and terms.image_of(cell.task) is None):
        _say(NOT_PINNED)
        backend = ProcessBackend()
    elif terms.image_of(cell.task) is None:
        raise BackendError("a container needs an image; name one with --image")
    else:
        backend = DockerBackend()
    check(backend, terms, cell)
    return backend


def check(backend: Backend, terms: Terms, cell: Cell) -> None:
    """That a cell can be run here on these terms.

    Raises AdapterError, BackendError and ProxyError.
    """
    check_command_line(cell.agent, cell.command_line)
    if terms.upstream is not None and terms.replay is None:
        terms.upstream.check()
    if backend.name != "process":
        backend.image(terms.image_of(cell.task))
    elif terms.user or terms.cpu_limit or terms.docker_socket:
        raise BackendError("--user, --cpus and --docker-socket need --container docker")
    elif shutil.which(cell.agent.command[0]) is None:
        raise BackendError(
            f"{cell.agent.command[0]} is not on this machine's PATH; install it "
            f"({install_line(cell.agent)}), or name an image that has it with --image"
        )


@contextmanager
def collector_of(settings: Settings, url: str | None) -> Iterator[Collector]:
    """The collector at `url`, with the tokens of the environment; else that of the database."""
    if url is not None:
        tokens = os.environ.get(HARNESS_TOKEN), os.environ.get(AGENT_TOKEN)
        yield Collector(url.rstrip("/"), None, *tokens)
        return
    with collecting(settings) as collector:
        yield collector


def tell_of_collector(collector: Collector, tell: Callable[[str], None]) -> None:
    """Say at once what would make a run's telemetry worthless, or end up in a file."""
    if reason := refusal(collector):
        tell(reason)
    elif collector.harness_token is None:
        tell(
            f"{HARNESS_TOKEN} is not set: without it the collector keeps the run and scores "
            "nothing; `spanscore tokens` prints it"
        )


@contextmanager
def harness_of(
    settings: Settings, backend: Backend, collector: Collector, progress: Progress
) -> Iterator[Harness]:
    """A harness whose spool lies beside the database."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what it says, we say once
    spool = beside(settings.db, "spool")
    with Harness(
        backend, collector, spool=spool, tell=progress.tell, opened=progress.opened
    ) as harness:
        yield harness


@contextmanager
def signals(cancellation: Cancellation) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the runs, which is recorded; a second one ends the command."""

    def cancel(number: int, _: Any) -> None:
        if cancellation.is_set():
            raise KeyboardInterrupt
        _say(f"{signal.Signals(number).name}: the agent is ended; once more ends at once")
        cancellation.cancel(signal.Signals(number).name)

    before = {n: signal.signal(n, cancel) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def next_attempt(settings: Settings, cell: Cell) -> int:
    """The number of the next run of this cell in the database."""
    [row] = rows_of(
        settings,
        "SELECT coalesce(max(attempt), 0) + 1 AS attempt FROM runs "
        f"WHERE cell_id = {quoted(cell.id)}",
    )
    return int(row["attempt"])


def loaded(settings: Settings, run_id: str, tell: Callable[[str], None]) -> dict[str, Any] | None:
    """What the views say of a run once all of it is in; None if it does not get there.

    That they cannot be asked is told: the run itself is over, and its result not lost.
    """
    try:
        return _loaded(settings, run_id)
    except (CatalogError, ClientError, DatabaseError, InboxError, QueryError) as error:
        tell(f"the views cannot be asked of run {run_id}: {error}")
        return None


def _loaded(settings: Settings, run_id: str) -> dict[str, Any] | None:
    deadline_s = time.monotonic() + LOADED_S
    finished = f"SELECT 1 FROM runs WHERE run_id = {quoted(run_id)} AND status = 'finished'"
    while not rows_of(settings, finished):
        spooled = (beside(settings.db, "spool") / f"{run_id}.pb").exists()
        if spooled or time.monotonic() > deadline_s:
            return None
        time.sleep(_POLL_S)
    return rows_of(settings, _TOLD.format(run=quoted(run_id)))[0]


def _say(message: str) -> None:
    print(f"spanscore: {message}", file=sys.stderr, flush=True)


_TOLD = """
SELECT
    r.run_id, r.status, r.agent, r.agent_version, r.model, r.task, r.family, r.attempt,
    r.sweep_id, r.cell_id, r.image, r.image_digest, r.agent_exit_code, r.verifier_exit_code,
    o.outcome, o.failure_class, f.attributed_to, f.basis, f.evidence_kind, f.evidence_trace_id,
    f.evidence_span_id, f.evidence_attribute, f.evidence_value, f.reason,
    s.pass, s.partial_score, s.composite, s.composite_published, s.composite_high, s.coverage,
    s.prompt_tokens, s.completion_tokens, s.total_tokens, s.model_calls, s.cost_usd,
    s.wall_clock_ms, s.container_active_ms, s.model_call_ms,
    e.grade, e.missing, e.citable
FROM runs AS r
JOIN outcomes AS o USING (run_id)
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN failures AS f USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE r.run_id = {run}
"""

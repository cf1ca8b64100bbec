"""Cells of real agents in containers against a scripted model, a few at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from spanscore.collector.commands.run import loaded
from spanscore.collector.config import load
from spanscore.collector.embedded import collecting
from spanscore.instrumentation import adapters, plugins
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.container.docker import DockerBackend
from spanscore.instrumentation.harness import Harness
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.proxy import Upstream
from spanscore.instrumentation.run import run_cell
from spanscore.instrumentation.tasks import find
from tests.support.model_server import Exchange, ModelServer, Script, Step, Usage
from tests.support.running_collector import Row, RunningCollector

IMAGE = "spanscore-test/agents"
AT_ONCE = 3
"""One more than two cores work on: many cells wait for a ladder or a timeout."""

# mini-swe-agent ends by a command, not by a text.
_SUBMIT = Step(Usage(1000, 50), command="echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT")


@dataclass(frozen=True, slots=True)
class Case:
    """One cell: an agent on a shipped task, and what the model does instead of what that says."""

    name: str
    agent: str
    task: str = "outcome-passes"
    script: Script | None = None
    plugins: tuple[str, ...] = ()
    timeout_s: float = 240.0  # a machine that is busy with the others ends no cell
    memory_limit_bytes: int | None = None

    @property
    def model(self) -> Script:
        """What the model does."""
        script = self.script or find(self.task).script
        assert script is not None
        if self.agent == "mini-swe-agent":
            return replace(script, steps=(*script.steps[:-1], _SUBMIT, script.steps[-1]))
        return script


@dataclass(frozen=True, slots=True)
class Ended:
    """A cell that has run: what the harness saw, the views say, and the model server counted."""

    outcome: Outcome
    told: dict[str, Any]
    attempts: list[Row]
    applied: str
    calls: list[Exchange]


class Cells:
    """Runs cells, each once, while its `with` block lasts."""

    def __init__(self, collector: RunningCollector, folder: Path) -> None:
        self._collector = collector
        self._settings = load(db=collector.db)
        self._folder = folder
        self._said: list[str] = []
        self._cells: dict[str, Future[Ended]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._harness = opening.enter_context(
                Harness(
                    DockerBackend(),
                    opening.enter_context(collecting(self._settings)),
                    spool=self._folder / "spool",
                    tell=self._said.append,
                )
            )
            self._pool = ThreadPoolExecutor(AT_ONCE)
            opening.callback(self._pool.shutdown, cancel_futures=True)
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._harness.cancellation.cancel("SIGINT")  # of what nobody waits for any more
        self._closing.close()

    def start(self, case: Case) -> Future[Ended]:
        """The cell's result, when it is there."""
        if case.name not in self._cells:
            self._cells[case.name] = self._pool.submit(self._run, case)
        return self._cells[case.name]

    def ended(self, case: Case) -> Ended:
        """The cell's result; waits for it."""
        return self.start(case).result()

    def _run(self, case: Case) -> Ended:
        cell = Cell(
            adapters.find(case.agent),
            "gpt-5",
            find(case.task),
            tuple(plugins.find(name) for name in case.plugins),
        )
        with ModelServer(case.model) as model:
            terms = Terms(
                Upstream(model.url),
                image=IMAGE,
                timeout_s=case.timeout_s,
                memory_limit_bytes=case.memory_limit_bytes,
            )
            outcome = run_cell(self._harness, cell, terms)
            calls = model.model_calls
        told = loaded(self._settings, outcome.run_id, self._said.append)
        assert told is not None, self._said

        def of_run(view: str, more: str) -> list[Row]:
            query = f"SELECT * FROM {view} WHERE run_id = '{outcome.run_id}' {more}"
            return self._collector.ask(query)

        [applying] = of_run("spans", "AND role = 'apply_plugins'")
        applied = str(applying["attributes"]["spanscore.plugins.applied"])
        attempts = of_run("model_calls", "ORDER BY started_at")
        return Ended(outcome, told, attempts, applied, calls)

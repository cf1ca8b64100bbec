"""Cells of real agents in containers: `spanscore run` against a scripted model, two at a time."""

from __future__ import annotations

import subprocess
import sysconfig
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from spanscore.instrumentation.tasks import find
from tests.support.model_server import Exchange, Fault, ModelServer, Script, Step, Usage
from tests.support.running_collector import Row, RunningCollector

IMAGE = "spanscore-test/agents"
_COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
_TIMEOUT_S = 500.0

# mini-swe-agent ends by a command, not by a text.
_SUBMIT = Step(Usage(1000, 50), command="echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT")


@dataclass(frozen=True, slots=True)
class Case:
    """One cell: an agent on a shipped task whose model answers as the task says, or fails."""

    agent: str
    task: str
    fault: Fault | None = None
    options: tuple[str, ...] = ()

    @property
    def script(self) -> Script:
        """What the model does."""
        script = find(self.task).script
        assert script is not None
        if self.agent == "mini-swe-agent":
            script = replace(script, steps=(*script.steps[:-1], _SUBMIT, script.steps[-1]))
        return replace(script, fault=self.fault)


@dataclass(frozen=True, slots=True)
class Ended:
    """A cell that has run: what the command printed, and what the model server saw."""

    printed: str
    calls: list[Exchange]
    run: Row
    attempts: list[Row]
    failure: Row | None
    score: Row
    evidence: Row
    plugins: Row

    @property
    def told(self) -> list[Usage]:
        """The tokens that the model server told, answer by answer."""
        return [call.usage for call in self.calls if call.usage]


class Cells:
    """Runs cells below `folder`, each once, while its `with` block lasts."""

    def __init__(self, collector: RunningCollector, folder: Path) -> None:
        self._collector = collector
        self._folder = folder
        self._pool = ThreadPoolExecutor(2)
        self._cells: dict[Case, Future[Ended]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, case: Case) -> Future[Ended]:
        """The cell's result, when it is there."""
        if case not in self._cells:
            self._cells[case] = self._pool.submit(self._run, case)
        return self._cells[case]

    def ended(self, case: Case) -> Ended:
        """The cell's result; waits for it."""
        return self.start(case).result()

    def _run(self, case: Case) -> Ended:
        sweep = f"cell-{id(case)}"
        with ModelServer(case.script) as model:
            done = subprocess.run(
                [
                    *(str(_COMMAND), "run", "--agent", case.agent, "--model", "gpt-5"),
                    *("--task", case.task, "--endpoint", model.url, "--image", IMAGE),
                    *("--sweep", sweep, "--db", str(self._collector.db), *case.options),
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            calls = model.model_calls
        printed = done.stdout + done.stderr
        return self._asked(f"sweep_id = '{sweep}'", printed, calls)

    def _asked(self, which: str, printed: str, calls: list[Exchange]) -> Ended:
        self._collector.settle()
        [run] = self._collector.ask(f"SELECT * FROM runs WHERE {which}") or [{}]
        assert run, printed

        def of_run(view: str, order: str = "") -> list[Row]:
            query = f"SELECT * FROM {view} WHERE run_id = '{run['run_id']}' {order}"
            return self._collector.ask(query)

        failures = of_run("failures")
        [score], [evidence] = of_run("scores"), of_run("evidence")
        [plugins] = of_run("spans", "AND role = 'apply_plugins'")
        attempts = of_run("model_calls", "ORDER BY started_at")
        return Ended(
            printed, calls, run, attempts, failures[0] if failures else None,
            score, evidence, plugins,
        )  # fmt: skip

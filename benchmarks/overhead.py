"""What a run costs beside its agent, whether spans are lost, and whether its times are true.

    python -m benchmarks.overhead                                # about 3 minutes
    python -m benchmarks.overhead --image spanscore-test/base    # the same in containers

The scripted agent works for a minute, in which the model and the tools wait for known times: once
as it is (the floor), once under `run_cell` with a workspace of 5,000 files and a real collector.
Then four agents at a time talk without a pause. The model is a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spanscore.collector.commands.run import loaded
from spanscore.collector.commands.show import rows_of
from spanscore.collector.config import Settings, load
from spanscore.collector.embedded import collecting
from spanscore.instrumentation import adapters
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.container import Backend
from spanscore.instrumentation.container.docker import DockerBackend
from spanscore.instrumentation.container.process import ProcessBackend
from spanscore.instrumentation.harness import Harness
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.proxy import Upstream
from spanscore.instrumentation.run import run_cell
from spanscore.instrumentation.scripted import agent as scripted_agent
from spanscore.instrumentation.scripted.script import Script, Step, Usage
from spanscore.instrumentation.scripted.server import ModelServer
from spanscore.instrumentation.tasks import Task
from spanscore.instrumentation.tasks import load as load_task
from spanscore.instrumentation.workspace import snapshot

FILES = 5_000
FILE_BYTES = 2_000
TURNS = 10
WAIT_S = 3.0
"""What each answer of the model, and each tool, takes: a minute in all."""

PARALLEL = 4
BUSY_TURNS = 40
PHASES = 8
"""The spans of a run beside those of its calls: the phases, the container, the plugins."""

TASK = """
id = "minute"
family = "benchmark"
prompt = "Wait."
timeout_s = 300
[verify]
command = ["test", "-e", "done"]
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Wall clock, and the CPU of this process: the harness with its proxy and exporters."""

    wall_s: float
    cpu_s: float


Run = Callable[[Task, str], Outcome]


class Phases:
    """What each phase takes, by when the next one opens."""

    def __init__(self) -> None:
        self._opened: list[tuple[str, float, float]] = []

    def __call__(self, run_id: str, role: str) -> None:
        """Called by the harness as a phase opens; those within a phase count to it."""
        if role not in ("apply_plugins", "container"):
            self._opened.append((role, time.perf_counter(), time.process_time()))

    def taken(self) -> dict[str, Taken]:
        """By role, from the run's beginning until now."""
        self("", "end")
        pairs = zip(self._opened, self._opened[1:], strict=False)
        found = {
            role: Taken(to_s - at_s, to_cpu - cpu) for (role, at_s, cpu), (_, to_s, to_cpu) in pairs
        }
        self._opened.clear()
        return found


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--image")
    image = arguments.parse_args().image
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        settings = load(db=folder / "overhead.duckdb")
        phases = Phases()
        backend: Backend = DockerBackend() if image else ProcessBackend()
        collector = opened.enter_context(collecting(settings))
        harness = opened.enter_context(
            Harness(backend, collector, spool=folder / "spool", tell=print, opened=phases)
        )

        def run(task: Task, url: str) -> Outcome:
            cell = Cell(adapters.find("scripted"), "scripted", task)
            return run_cell(harness, cell, Terms(Upstream(url), image=image))

        _a_minute(settings, folder, phases, run)
        _at_once(settings, _task(folder / "small", files=10), run)


def _a_minute(settings: Settings, folder: Path, phases: Phases, run: Run) -> None:
    task = _task(folder / "task", files=FILES)
    with _model(_script(TURNS, f"sleep {WAIT_S}; touch done", WAIT_S)) as (url, _):
        floor = _taken(lambda: _bare(folder, url))
        outcome = run(task, url)
        taken = phases.taken()
    told = loaded(settings, outcome.run_id)
    assert told is not None
    assert told["pass"] == 1
    taken["snapshot (part of task_setup)"] = snapshot_s = _taken(lambda: snapshot(task.workspace))
    in_agent = taken["adapter_run"]
    taken["adapter_run"] = added = Taken(in_agent.wall_s - floor.wall_s, in_agent.cpu_s)
    parts = (added, taken["workspace_diff"], snapshot_s)
    taken["spans, snapshot, diff, exports"] = Taken(
        sum(part.wall_s for part in parts), sum(part.cpu_s for part in parts)
    )
    table = Table(f"beside an agent that takes {floor.wall_s:.1f} s", "s", "CPU s", "%", "CPU %")
    for name, part in taken.items():
        shares = (f"{100 * value / floor.wall_s:.2f}" for value in (part.wall_s, part.cpu_s))
        table.add_row(name, f"{part.wall_s:.2f}", f"{part.cpu_s:.2f}", *shares)
    Console().print(table)
    _print_truth(settings, outcome.run_id)


def _print_truth(settings: Settings, run_id: str) -> None:
    """How far the recorded durations are from the waits."""
    table = Table("recorded - waited", "n", "median ms", "most ms")
    for what, view, column in (
        ("model call", "model_calls", "latency_ms"),
        ("tool call", "tool_calls", "duration_ms"),
    ):
        query = f"SELECT {column} AS ms FROM {view} WHERE run_id = '{run_id}' ORDER BY ms"
        off_ms = [row["ms"] - 1000 * WAIT_S for row in rows_of(settings, query)]
        median_ms = off_ms[len(off_ms) // 2]
        table.add_row(what, str(len(off_ms)), f"{median_ms:.1f}", f"{max(off_ms, key=abs):.1f}")
    Console().print(table)


def _at_once(settings: Settings, task: Task, run: Run) -> None:
    """Several cells at a time; every span that was made must be there."""
    script = _script(BUSY_TURNS, "touch done", 0.0)
    with _model(script) as (url, calls), ThreadPoolExecutor(PARALLEL) as pool:
        outcomes: list[Outcome] = []
        taken = _taken(lambda: outcomes.extend(pool.map(run, [task] * PARALLEL, [url] * PARALLEL)))
        answered = calls()
    for outcome in outcomes:
        assert loaded(settings, outcome.run_id) is not None
    ids = ", ".join(f"'{outcome.run_id}'" for outcome in outcomes)
    [found] = rows_of(
        settings,
        f"SELECT count(*) FILTER (role = 'model_call') AS calls, count(*) AS spans FROM spans "
        f"WHERE origin = 'harness' AND run_id IN ({ids})",
    )
    expected = PARALLEL * (PHASES + BUSY_TURNS + BUSY_TURNS + 1)
    assert found == {"calls": answered, "spans": expected}, (found, answered, expected)
    print(
        f"{PARALLEL} cells at once: {answered} model calls, {expected} spans, none lost; "
        f"{taken.wall_s:.1f} s, {taken.cpu_s:.1f} s CPU of the harness, "
        f"{1000 * taken.cpu_s / answered:.1f} ms a call"
    )


def _script(turns: int, command: str, delay_s: float) -> Script:
    usage = Usage(1000, 50)
    steps = [Step(usage, command=command)] * turns
    return Script((*steps, Step(usage, text="Done.")), delay_s=delay_s)


@contextmanager
def _model(script: Script) -> Iterator[tuple[str, Callable[[], int]]]:
    """The address of a model in a process of its own, and how many calls it has answered."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, script))
    process.start()
    url = ours.recv()

    def calls() -> int:
        ours.send("calls")
        return int(ours.recv())

    try:
        yield url, calls
    finally:
        ours.send("end")
        process.join()


def _serve(pipe: Connection, script: Script) -> None:
    with ModelServer(script) as model:
        pipe.send(model.url)
        while pipe.recv() != "end":
            pipe.send(len(model.model_calls))


def _bare(folder: Path, url: str) -> None:
    """The agent as anybody would start it."""
    work = folder / "bare"
    work.mkdir()
    subprocess.run(
        ["python3", scripted_agent.__file__, "--model", "scripted", "Wait."],
        cwd=work,
        env={"PATH": os.environ["PATH"], "OPENAI_BASE_URL": f"{url}/v1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _task(folder: Path, files: int) -> Task:
    for number in range(files):
        place = folder / "workspace" / f"folder{number % 100}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.py").write_bytes(os.urandom(FILE_BYTES))
    (folder / "task.toml").write_text(TASK)
    return load_task(folder)


def _taken(work: Callable[[], Any]) -> Taken:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began_s, time.process_time() - cpu_s)


if __name__ == "__main__":
    main()

"""`spanscore sweep` as a user types it: bounded, resumable, and again on demand."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spanscore.collector.commands.run import loaded
from spanscore.collector.commands.run_result import Result
from spanscore.collector.commands.sweep import Work, run_all, run_sweep
from spanscore.collector.config import ConfigError, load
from spanscore.instrumentation import adapters
from spanscore.instrumentation.cell import Cell, Terms
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.scripted.server import ModelServer
from spanscore.instrumentation.tasks import find
from tests.support.spanscore_command import Commands

SWEEP = """
agents = ["scripted"]
models = ["scripted"]
tasks = ["outcome-passes"]
repeats = 2
parallel = 2
endpoint = "{url}"
container = "process"
timeout = 60
"""


def test_a_sweep_runs_what_is_missing_and_spoiled_runs_again_on_demand(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    file = tmp_path / "small.toml"
    file.write_text(SWEEP.format(url="http://127.0.0.1:9"))
    spoiled = commands("sweep", file, "--format", "json")
    assert spoiled.code == 4, spoiled.err
    assert {row["failure_class"] for row in spoiled.rows} == {"provider_unreachable"}
    assert commands("sweep", file).out.startswith("sweep small: 0 of 0 run: nothing to do")
    script = find("outcome-passes").script
    assert script is not None
    with ModelServer(script) as model:
        file.write_text(SWEEP.format(url=model.url).replace("repeats = 2", "repeats = 1"))
        again = commands("sweep", file, "--rerun", "spoiled", "--format", "json")
    assert again.code == 0, again.err
    assert [(row["outcome"], row["attempt"]) for row in again.rows] == [("pass", 3)]
    runs = commands.sql("SELECT attempt, sweep_id FROM runs ORDER BY attempt")
    assert runs == [{"attempt": n, "sweep_id": "small"} for n in (1, 2, 3)]


HANGS = """
agents = ["command"]
models = ["m"]
tasks = ["outcome-passes"]
repeats = 3
parallel = 2
endpoint = "http://127.0.0.1:9"
container = "process"
command_line = "touch {folder}/begun-$$; sleep {seconds}"
"""


def test_ctrl_c_ends_a_sweep_and_the_same_command_goes_on_later(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    file = tmp_path / "hangs.toml"
    file.write_text(HANGS.format(folder=tmp_path, seconds=1000))
    sweep = commands.start("sweep", file)
    deadline_s = time.monotonic() + 120
    while len(list(tmp_path.glob("begun-*"))) < 2:
        assert time.monotonic() < deadline_s
        assert sweep.poll() is None
        time.sleep(0.1)
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=120)
    assert sweep.returncode == 130, err
    ended = commands.sql("SELECT outcome, failure_class FROM outcomes")
    assert ended == [{"outcome": "spoiled", "failure_class": "cancelled"}] * 2
    file.write_text(HANGS.format(folder=tmp_path, seconds=0))
    again = commands("sweep", file, "--format", "json")
    assert again.code == 0, again.err
    assert sorted(row["attempt"] for row in again.rows) == [3, 4, 5]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('network = "bridge"', "network: 'bridge' is not known; write none or host"),
        ("timeout = 0", "timeout: 0 is not above 0"),
        ('memory_limit = "much"', "memory_limit: 'much' is no size"),
        ('endpoint = "x"', "endpoint: 'x' is no URL"),
    ],
)
def test_a_term_that_cannot_be_is_said_of_the_file_and_its_key(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f"{SWEEP.format(url='http://127.0.0.1:9')}\n[model.scripted]\n{line}\n")
    settings = load(db=tmp_path / "s.duckdb")
    with pytest.raises(ConfigError) as raised:
        run_sweep(settings, file, parallel=None, rerun_spoiled=False, form="text")
    assert str(raised.value).startswith(f"{file}: {said}")
    assert "(of scripted/scripted/outcome-passes)" in str(raised.value)


@dataclass(frozen=True, slots=True)
class SlowViews(Work):
    """Runs that take no time, and views that say nothing before `wanted` runs have been made."""

    wanted: int = 0
    ran: list[Cell] = field(default_factory=list)
    all_ran: threading.Event = field(default_factory=threading.Event)

    def run(self, cell: Cell, terms: Terms) -> tuple[Cell, Outcome] | None:
        self.ran.append(cell)
        if len(self.ran) == self.wanted:
            self.all_ran.set()
        return cell, Outcome(f"run-{cell.attempt}", cell.id, cell.attempt, [])

    def told(self, cell: Cell, outcome: Outcome) -> Result:
        assert self.all_ran.wait(60), f"only {len(self.ran)} were run"
        return Result(outcome, None)


class FullDisk(SlowViews):
    """A machine on which the first run fails for a reason of its own; the others take a while."""

    def run(self, cell: Cell, terms: Terms) -> tuple[Cell, Outcome] | None:
        self.ran.append(cell)
        if len(self.ran) == 1:
            raise OSError("no space left")
        self.all_ran.wait(0.2)
        return None


def _planned(number: int) -> tuple[list[Cell], dict[str, Terms]]:
    cell = Cell(adapters.find("scripted"), "m", find("outcome-passes"))
    cells = [Cell(cell.agent, cell.model, cell.task, attempt=n) for n in range(1, number + 1)]
    return cells, {cell.id: Terms(None)}


def test_no_run_of_a_sweep_waits_for_what_the_views_say_of_an_earlier_one() -> None:
    cells, terms = _planned(5)
    work = SlowViews(None, None, None, 5, wanted=5)  # type: ignore[arg-type]  # not asked
    results = run_all(work, cells, terms, parallel=1)
    assert [result.outcome.attempt for result in results] == [1, 2, 3, 4, 5]


def test_a_sweep_that_cannot_run_here_ends_at_once_and_runs_no_further_cell() -> None:
    cells, terms = _planned(50)
    work = FullDisk(None, None, None, 50)  # type: ignore[arg-type]  # not asked
    with pytest.raises(OSError, match="no space left"):
        run_all(work, cells, terms, parallel=1)
    assert len(work.ran) < 50


def test_views_that_cannot_be_asked_are_told_and_lose_no_run(tmp_path: Path) -> None:
    said: list[str] = []
    assert loaded(load(db=tmp_path / "gone.duckdb"), "abc", said.append) is None
    [told] = said
    assert told.startswith("the views cannot be asked of run abc: ")
    assert "does not exist" in told

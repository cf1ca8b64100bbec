"""Runs that do not end as they should: Ctrl-C, a killed harness, a collector that is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.spanscore_command import Commands

ENDPOINT = ("--endpoint", "http://127.0.0.1:9/v1")


def _arguments(line: str) -> tuple[str, ...]:
    return (
        "run", "--agent", "command", "--command-line", line, "--model", "m",
        "--task", "outcome-passes", "--container", "process", *ENDPOINT,
    )  # fmt: skip


def _until(true: Callable[[], object], timeout_s: float = 120) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _started(commands: Commands, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A run whose agent hangs and left a daemon, and the daemon's process id."""
    line = f"setsid sleep 1000 & echo $! > {folder}/pid.new; mv {folder}/pid.new {folder}/pid; wait"
    run = commands.start(*_arguments(line))
    _until((folder / "pid").exists)
    return run, int((folder / "pid").read_text())


def test_ctrl_c_ends_the_agent_and_is_recorded_as_the_operators(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {"TMPDIR": str(tmp_path)})
    run, daemon = _started(commands, tmp_path)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "cancelled (operator)" in out
    assert "once more ends at once" in err
    assert not _lives(daemon)
    assert not list(tmp_path.glob("spanscore-run-*"))
    [row] = commands.sql("SELECT status, outcome FROM runs JOIN outcomes USING (run_id, status)")
    assert row == {"status": "finished", "outcome": "spoiled"}


def test_a_killed_harness_leaves_nothing_running_and_its_run_is_known(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {"TMPDIR": str(tmp_path)})
    run, daemon = _started(commands, tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    _until(lambda: not _lives(daemon))
    _until(lambda: not (tmp_path / "spanscore.duckdb.serve.json").exists())
    [row] = commands.sql("SELECT agent, model, task, status FROM runs")
    assert (row["agent"], row["model"], row["task"]) == ("command", "m", "outcome-passes")
    assert row["status"] in ("running", "interrupted")  # for 60 s nobody can tell
    phases = commands.sql("SELECT role FROM open_phases ORDER BY place")
    assert [phase["role"] for phase in phases] == ["container", "adapter_run", "cell_run"]
    assert list(tmp_path.glob("spanscore-run-*"))
    again = commands(*_arguments("true"))
    assert "of a run that was killed" in again.err
    assert not list(tmp_path.glob("spanscore-run-*"))


def test_without_a_collector_the_run_goes_on_and_an_import_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    commands = Commands(tmp_path)
    printed = commands(*_arguments("echo fixed > greeting.py"), "--collector", "http://127.0.0.1:9")
    assert printed.code == 3, printed.err
    assert "no collector answers at http://127.0.0.1:9" in printed.err
    [spool] = (tmp_path / "spanscore.duckdb.spool").iterdir()
    assert f"spanscore import {spool.relative_to(tmp_path)}" in printed.err
    for _ in range(2):
        assert commands("import", spool).code == 0
    spans = commands.sql("SELECT role, count(*) AS n FROM spans GROUP BY role ORDER BY role")
    assert {span["n"] for span in spans} == {1}
    assert len(spans) == 8
    starts = "SELECT count(*) AS n FROM logs WHERE event_name = 'spanscore.span.start'"
    assert commands.sql(starts) == [{"n": 8}]
    [run] = commands.sql("SELECT source, status, citable FROM runs")
    assert run == {"source": "import", "status": "finished", "citable": False}

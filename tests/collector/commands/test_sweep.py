"""`spanscore sweep` as a user types it: bounded, resumable, and again on demand."""

from __future__ import annotations

import signal
import time
from pathlib import Path

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

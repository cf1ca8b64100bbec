"""`spanscore sweep` as a user types it: bounded, resumable, and again on demand."""

from __future__ import annotations

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

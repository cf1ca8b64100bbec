"""`spanscore serve` as a process: kills, restarts, a clean stop, and clear refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
import urllib.request
from pathlib import Path

import pytest

from spanscore.collector.config import beside
from tests.support.running_collector import RunningCollector
from tests.support.telemetry import span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def post(collector: RunningCollector, span_id: int, *, timeout_s: float = 30) -> None:
    """Send one span, again and again until it is acknowledged, as an exporter would."""
    deadline_s = time.monotonic() + timeout_s
    request = urllib.request.Request(
        f"{collector.endpoints.http}/v1/traces",
        data=traces_request(span(span_id=f"{span_id:016x}")).body,
        headers={"Content-Type": "application/x-protobuf"},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                assert response.status == 200
                return
        except OSError:
            assert time.monotonic() < deadline_s, collector.printed
            time.sleep(0.05)


def note(collector: RunningCollector) -> dict[str, str | int]:
    found: dict[str, str | int] = json.loads(beside(collector.db, "serve.json").read_text())
    return found


def children(pid: int) -> dict[str, int]:
    """The service's processes by name; the store owns the web port, the receiver the doors."""
    found = {}
    for line in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        held = {os.readlink(link) for link in Path(f"/proc/{line}/fd").iterdir()}
        if any(name.endswith(".duckdb") for name in held):
            found["store"] = int(line)
        elif any(name.endswith(".inbox") for name in held):
            found["receiver"] = int(line)
    return found


@pytest.mark.parametrize("victim", ["store", "receiver"])
def test_what_was_acknowledged_survives_the_kill_of_either_process(
    tmp_path: Path, victim: str
) -> None:
    with RunningCollector(tmp_path) as collector:
        for number in range(1, 6):
            post(collector, number)
        os.kill(children(int(note(collector)["pid"]))[victim], signal.SIGKILL)
        for number in range(6, 11):
            post(collector, number)
        deadline_s = time.monotonic() + 30
        while f"the {victim} died" not in collector.printed:
            assert time.monotonic() < deadline_s, collector.printed
            time.sleep(0.05)
        collector.settle()
        assert collector.ask("SELECT count(*) AS n FROM spans WHERE name = 'work'") == [{"n": 10}]


def test_a_killed_service_leaves_no_process_and_the_next_start_has_everything(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [COMMAND, "serve", "--db", "k.duckdb", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0",
         "--web", "127.0.0.1:0"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    while b"Ctrl-C stops it." not in process.stdout.readline():
        assert process.poll() is None
    running = json.loads((tmp_path / "k.duckdb.serve.json").read_text())
    pids = children(running["pid"])
    for number in range(1, 4):
        request = urllib.request.Request(
            f"{running['http']}/v1/traces",
            data=traces_request(span(span_id=f"{number:016x}")).body,
            headers={"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
    process.kill()
    process.wait()
    process.stdout.close()
    deadline_s = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids.values()):
        assert time.monotonic() < deadline_s, "a process outlived the service"
        time.sleep(0.05)
    asked = subprocess.run(
        [COMMAND, "sql", "SELECT count(*) AS n FROM spans", "--db", "k.duckdb", "--format", "csv"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert asked.stdout == "n\n3\n"


def test_a_clean_stop_loads_what_was_acknowledged_and_removes_the_note(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        post(collector, 1)
    assert not beside(collector.db, "serve.json").exists()
    assert collector.ask("SELECT count(*) AS n FROM spans") == [{"n": 1}]


def test_the_same_query_gives_the_same_answer_while_the_collector_runs_and_when_it_does_not(
    tmp_path: Path,
) -> None:
    query = "SELECT * EXCLUDE (received_time) FROM spans WHERE name = 'work'"
    with RunningCollector(tmp_path) as collector:
        post(collector, 1)
        collector.settle()
        while_running = collector.ask(query)
    assert collector.ask(query) == while_running != []


def test_a_second_collector_on_the_same_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        second = subprocess.run(
            [COMMAND, "serve", "--db", collector.db, "--grpc", "127.0.0.1:0", "--http",
             "127.0.0.1:0", "--web", "127.0.0.1:0"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "DuckDB lets one process hold a file" in second.stderr
        assert collector.ask("SELECT 1 AS n") == [{"n": 1}], "the first one still runs"


@pytest.mark.parametrize("door", ["grpc", "http", "web"])
def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path, door: str) -> None:
    with RunningCollector(tmp_path) as collector:
        taken = str(note(collector)[door]).removeprefix("http://")
        addresses = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0", "web": "127.0.0.1:0"}
        flags = [w for n, a in {**addresses, door: taken}.items() for w in (f"--{n}", a)]
        second = subprocess.run(
            [COMMAND, "serve", "--db", tmp_path / "other.duckdb", *flags],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert f"{door} = {taken} cannot be opened" in second.stderr
        assert f"--{door}" in second.stderr
        assert "Traceback" not in second.stderr

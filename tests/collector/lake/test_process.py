"""`spanscore serve --lake`: a process that feeds a lake beside the store, or alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

from tests.collector.test_service import post
from tests.support.lakes import rows
from tests.support.running_collector import RunningCollector

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def children(collector: RunningCollector) -> dict[str, int]:
    """The processes of a running collector, by what they do."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_text().split("\0")
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == collector.pid and "--multiprocessing-fork" in words:
            found[folder.name] = int(folder.name)
    return found


def wait_for_rows(lake: Path, count: int) -> None:
    """Until so many spans are in the lake."""
    deadline_s = time.monotonic() + 60
    while len(rows(lake)) < count:
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


def test_what_was_acknowledged_is_in_the_database_and_in_the_lake_after_any_process_was_killed(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    with RunningCollector(tmp_path, "--lake", str(lake), "--lake-every", "1s") as collector:
        post(collector, 1)
        wait_for_rows(lake, 1)
        for number, pid in enumerate(children(collector).values(), start=2):
            os.kill(pid, signal.SIGKILL)
            post(collector, number)
        post(collector, 9)
        wait_for_rows(lake, number + 1)
        stored = "SELECT count(*) AS n FROM spans"
        collector.wait_until(
            lambda: collector.ask(stored) == [{"n": number + 1}], 60, "the store to have all"
        )
    expected = sorted([f"{n:016x}" for n in (*range(1, number + 1), 9)])
    assert sorted(row["span_id"] for row in rows(lake)) == expected
    found = collector.ask("SELECT span_id FROM spans ORDER BY span_id")
    assert [row["span_id"] for row in found] == expected


def test_a_collector_without_a_database_feeds_its_lake_and_says_where_to_ask(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    with RunningCollector(tmp_path, "--lake", str(lake), "--no-db") as collector:
        post(collector, 1)
        asked = [
            subprocess.run(
                [COMMAND, *words, "--db", collector.db],
                capture_output=True, text=True, check=False, timeout=60,
            )
            for words in (["sql", "FROM spans"], ["export"])
        ]  # fmt: skip
        doctor = subprocess.run(
            [COMMAND, "doctor", "--db", collector.db],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    for done in asked:
        assert done.returncode == 1
        assert "keeps no database (--no-db); ask its lake: --db URL" in done.stderr
    assert "health" not in doctor.stdout
    assert not collector.db.exists()
    # A stop seals what waits, however young it is.
    assert [row["span_id"] for row in rows(lake)] == [f"{1:016x}"]


def lake_writer(collector: RunningCollector) -> int:
    """The process that reads the inbox and has neither a port nor the database."""
    for pid in children(collector).values():
        held = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        if any(name.endswith(".inbox") for name in held) and not any(
            name.startswith("socket:") or name.endswith(".duckdb") for name in held
        ):
            return pid
    raise AssertionError(f"no process writes the lake:\n{collector.printed}")


def test_a_lake_writer_that_cannot_go_on_stops_no_collector_and_the_inbox_keeps_for_it(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    options = ("--lake", str(lake), "--lake-every", "1s")
    with RunningCollector(tmp_path, *options) as collector:
        post(collector, 1)
        wait_for_rows(lake, 1)
        plan = collector.db.with_name(f"{collector.db.name}.lake.json")
        good = plan.read_bytes()
        plan.write_text("{")
        os.kill(lake_writer(collector), signal.SIGKILL)
        said = "feeding the lake is tried again in 60 s"
        collector.wait_until(lambda: said in collector.printed, 90, "the fault to be said")
        assert f"{plan} is damaged" in collector.printed
        post(collector, 2)
        collector.settle()
        assert collector.ask("SELECT count(*) AS n FROM spans WHERE name = 'work'") == [{"n": 2}]
    plan.write_bytes(good)
    with RunningCollector(tmp_path, *options):
        wait_for_rows(lake, 3)  # and the span by which the first one settled
    sealed = [row["span_id"] for row in rows(lake)]
    assert [sealed.count(f"{n:016x}") for n in (1, 2)] == [1, 1]


def test_a_lake_that_cannot_be_reached_stops_no_collector(tmp_path: Path) -> None:
    blocked = tmp_path / "lake"
    blocked.write_text("a file stands in the way")
    with RunningCollector(tmp_path, "--lake", str(blocked), "--lake-every", "1s") as collector:
        post(collector, 1)
        collector.settle()
        assert collector.ask("SELECT count(*) AS n FROM spans WHERE name = 'work'") == [{"n": 1}]
        collector.wait_until(
            lambda: "feeding the lake waits" in collector.printed, 60, "the fault to be said"
        )
        time.sleep(3)  # some tries later
        assert collector.printed.count("feeding the lake waits") == 1
        blocked.unlink()
    assert f"{1:016x}" in [row["span_id"] for row in rows(blocked)]

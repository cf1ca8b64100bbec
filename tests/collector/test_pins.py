"""A pinned run stays, whether a collector runs or not."""

from __future__ import annotations

from pathlib import Path

from spanscore.collector.config import load
from spanscore.collector.pins import set_pin
from tests.support.running_collector import RunningCollector
from tests.support.stored import stored

PINNED = "SELECT run_id FROM pinned_run"


def test_a_run_is_pinned_and_let_go_through_a_running_collector(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        settings = load(db=collector.db)
        for _ in range(2):
            set_pin(settings, "run/1 ä", pinned=True)
        assert collector.ask(PINNED) == [{"run_id": "run/1 ä"}]
        set_pin(settings, "run/1 ä", pinned=False)
        assert collector.ask(PINNED) == []


def test_a_run_is_pinned_in_the_file_when_no_collector_runs(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    set_pin(load(db=tmp_path / "s.duckdb"), "run-1", pinned=True)
    with stored(tmp_path) as store:
        assert store.ask(PINNED) == [("run-1",)]

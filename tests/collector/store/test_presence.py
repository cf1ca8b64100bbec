"""A database that is deleted under a running collector is told, and nothing more is lost in it."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from spanscore.collector.config import beside
from spanscore.collector.inbox import Inbox
from spanscore.collector.keys import read_token
from spanscore.collector.store.presence import DatabaseGoneError, Presence
from tests.support.harness_run import Run
from tests.support.running_collector import RunningCollector


def _get(collector: RunningCollector, path: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {read_token(collector.db)}"}
    request = urllib.request.Request(collector.web + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _put(collector: RunningCollector, run: Run) -> None:
    with Inbox(beside(collector.db, "inbox")) as inbox:
        inbox.append(run.requests())


def test_what_comes_after_it_was_deleted_waits_for_the_next_start(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        _put(collector, Run("early"))
        collector.settle()
        collector.db.unlink()
        collector.wait_until(lambda: "was deleted" in collector.printed, 60, "the loader to notice")
        status, page = _get(collector, "/runs")
        assert status == 503
        assert "was deleted while the collector runs. Put it back, or start" in page
        assert _get(collector, "/healthz")[0] == 503
        _put(collector, Run("late"))
    with RunningCollector(tmp_path) as collector:
        query = "SELECT run_id FROM runs WHERE task IS NOT NULL"
        late = [{"run_id": "late"}]
        collector.wait_until(lambda: collector.ask(query) == late, 90, "the late run alone")


def test_a_file_that_took_its_place_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    presence = Presence(path)
    presence.check()
    path.rename(tmp_path / "b")
    path.write_bytes(b"1")
    with pytest.raises(DatabaseGoneError, match="was replaced by another file"):
        presence.check()

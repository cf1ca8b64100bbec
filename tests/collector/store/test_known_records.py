"""Records and points that come again with their old receive time are stored once."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.collector.inbox import Request
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, metrics_request

OLD_NS, NEW_NS = 1_790_000_000_000_000_000, 1_790_000_001_000_000_000
TWICE = [log(), log(), log(body="other")]


def logs(*bodies: str, origin: str = "harness", received_ns: int = OLD_NS) -> Request:
    return logs_request(*(log(body=b) for b in bodies), origin=origin, received_ns=received_ns)


@pytest.mark.parametrize("reopened", [False, True])
def test_of_equal_records_as_many_are_stored_as_ever_came_at_once(
    tmp_path: Path, reopened: bool
) -> None:
    with stored(tmp_path) as store:
        store.put(logs("a", "a", "b"), logs("z", received_ns=NEW_NS))
        if not reopened:
            store.put(logs("a"), logs("b", "a", "a"), logs("a", "a", "c"))
    with stored(tmp_path) as store:
        if reopened:
            store.put(logs("a"), logs("b", "a", "a"), logs("a", "a", "c"))
        found = store.ask("SELECT body, count(*) FROM logs GROUP BY body ORDER BY body")
        assert found == [("a", 2), ("b", 1), ("c", 1), ("z", 1)]


def test_another_origin_or_time_makes_another_record(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(logs("a"), logs("z", received_ns=NEW_NS))
        store.put(logs("a", "d", origin="agent"), logs("a", "e", received_ns=OLD_NS + 1))
        assert store.one("SELECT count(*) FROM logs WHERE body = 'a'") == 3


def test_points_are_told_apart_by_all_their_columns(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(metrics_request("m", 1, 2, received_ns=OLD_NS))
        store.put(metrics_request("m", 1, 3, received_ns=OLD_NS))
        store.put(metrics_request("n", 1, received_ns=OLD_NS))
        found = store.ask("SELECT name, value_int FROM metric_points ORDER BY ALL")
        assert found == [("m", 1), ("m", 2), ("m", 3), ("n", 1)]


def test_what_came_again_is_counted(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(logs("a", "b"))
        store.put(logs("a", "b", "c"))
        assert (store.loader.progress.rows, store.loader.progress.duplicate_rows) == (3, 2)

"""What the store keeps run by run is what the views say, whatever came in whichever order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.inbox import Request
from spanscore.collector.store.marts import Marts
from spanscore.collector.store.stale_runs import mark_runs
from spanscore.queries import catalog
from spanscore.queries.view import CatalogError, parse
from tests.support.scored import rows
from tests.support.sessions import SESSIONS, session_requests
from tests.support.stored import Stored, stored
from tests.support.telemetry import (
    SECOND_NS,
    START_NS,
    logs_request,
    metrics_request,
    span,
    traces_request,
)
from tests.support.telemetry import log as log_record

KEPT = [view.name for view in catalog.builtin() if view.is_kept]


@dataclass
class Keeping:
    """A store with its kept views."""

    store: Stored
    marts: Marts

    def put(self, *requests: Request) -> None:
        """Load the requests; the loader marks what they touch."""
        self.store.put(*requests)

    def differences(self) -> dict[str, int]:
        """By kept view: rows that are kept and not computed anew, or the reverse."""
        catalog.create_tables(self.store.connection, prefix="anew_")
        found = {}
        for name in KEPT:
            both = f"(FROM marts.{name} EXCEPT ALL FROM anew_{name})"
            back = f"(FROM anew_{name} EXCEPT ALL FROM marts.{name})"
            found[name] = self.store.one(
                f"SELECT count(*) FROM (FROM {both} UNION ALL FROM {back})"
            )
        return {name: count for name, count in found.items() if count}


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    with stored(tmp_path) as store:
        marts = Marts(store.connection)
        marts.prepare()
        yield Keeping(store, marts)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_arrives_in_whichever_order_is_kept_as_the_views_say(
    keeping: Keeping, seed: int
) -> None:
    requests = [r for s in SESSIONS for r in session_requests(s)]
    order = random.Random(seed)
    order.shuffle(requests)
    while requests:
        for _ in range(order.randint(1, 12)):
            if requests:
                keeping.put(requests.pop())
        keeping.marts.refresh(cool_down_ns=0)
    keeping.marts.refresh_all()
    assert keeping.marts.stale() == 0
    assert keeping.differences() == {}


def test_a_late_id_moves_a_trace_and_both_runs_follow(keeping: Keeping) -> None:
    keeping.put(traces_request(span(trace="a" * 32)))
    keeping.marts.refresh_all()
    assert keeping.store.ask("SELECT run_id, spans FROM runs") == [("a" * 32, 1)]
    keeping.put(traces_request(span(trace="a" * 32, span_id="1" * 16, session__id="s1")))
    keeping.marts.refresh_all()
    assert keeping.store.ask("SELECT run_id, spans FROM runs") == [("s1", 2)]
    assert keeping.differences() == {}


def test_a_session_that_an_instance_names_late_takes_its_other_rows_along(
    keeping: Keeping,
) -> None:
    instance = {"service.instance.id": "i1", "service.name": "github-copilot"}
    usage = "gen_ai.client.inference.usage.input_tokens"
    keeping.put(
        traces_request(span(trace="a" * 32), resource=instance),
        metrics_request(usage, 7, resource=instance),
    )
    keeping.marts.refresh_all()
    assert keeping.store.ask("SELECT run_id, spans FROM runs") == [("i1", 1)]
    keeping.put(traces_request(span(trace="b" * 32, session__id="s1"), resource=instance))
    keeping.marts.refresh_all()
    assert keeping.store.ask("SELECT run_id, spans FROM runs") == [("s1", 2)]
    keeping.put(traces_request(span(trace="c" * 32, session__id="s2"), resource=instance))
    keeping.marts.refresh_all()
    assert keeping.store.one("SELECT count(*) FROM runs") == 3
    assert keeping.differences() == {}


def test_a_run_that_retention_removed_is_forgotten(keeping: Keeping) -> None:
    keeping.put(traces_request(span(session__id="s1")))
    keeping.marts.refresh_all()
    keeping.store.connection.execute("DELETE FROM span")
    keeping.store.connection.execute("DELETE FROM trace")
    mark_runs(keeping.store.connection, ["s1"])
    keeping.marts.refresh_all()
    assert keeping.store.one("SELECT count(*) FROM runs") == 0
    assert keeping.differences() == {}


def test_a_run_is_seen_as_interrupted_though_nothing_more_arrives(keeping: Keeping) -> None:
    start = log_record(
        trace="c" * 32, event__name="spanscore.span.start", spanscore__role="cell_run"
    )
    resource = {"spanscore.run.id": "r1"}
    now_ns = 1_900_000_000 * SECOND_NS
    keeping.put(logs_request(start, origin="harness", resource=resource))
    keeping.marts.refresh(cool_down_ns=0, now_ns=now_ns)
    assert keeping.store.one("SELECT status FROM runs") == "running"
    keeping.store.connection.execute("UPDATE log SET received_ns = 1")
    assert keeping.marts.refresh(now_ns=now_ns + 30 * SECOND_NS) == 0
    assert keeping.marts.refresh(now_ns=now_ns + 61 * SECOND_NS) == 1
    assert keeping.store.one("SELECT status FROM runs") == "interrupted"


def test_a_run_that_keeps_changing_is_left_to_cool_down_the_longer_the_larger_it_is(
    keeping: Keeping,
) -> None:
    spans = [span(span_id=f"{i:016x}", session__id="s1") for i in range(1, 20_001)]
    keeping.put(traces_request(*spans[:-1]))
    assert keeping.marts.refresh(now_ns=START_NS) == 1
    keeping.put(traces_request(spans[-1]))
    assert keeping.marts.refresh(now_ns=START_NS + 3 * SECOND_NS) == 0
    assert keeping.marts.stale() == 1
    assert keeping.marts.refresh(now_ns=START_NS + 5 * SECOND_NS) == 1
    assert keeping.store.ask("SELECT spans FROM runs") == [(20_000,)]


def test_more_runs_than_a_batch_are_computed_batch_by_batch(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.store.marts.BATCH_RUNS", 3)
    for number in range(1, 8):
        service = {"service.name": f"agent-{number}"}
        made = span(trace=f"{number:032x}", session__id=f"s{number}")
        keeping.put(traces_request(made, resource=service))
    assert keeping.marts.refresh(cool_down_ns=0) == 3
    assert keeping.marts.refresh_all(), "none is left"
    assert keeping.store.one("SELECT count(*) FROM runs") == 7


def test_what_is_loaded_while_runs_are_computed_is_computed_next(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = catalog.create_tables

    def create_while_more_arrives(*args: Any, **kwargs: Any) -> None:
        monkeypatch.undo()
        keeping.put(traces_request(span(span_id="2" * 16, session__id="s1")))
        create(*args, **kwargs)

    monkeypatch.setattr(catalog, "create_tables", create_while_more_arrives)
    beside = Marts(keeping.store.connection.cursor())
    keeping.put(traces_request(span(span_id="1" * 16, session__id="s1")))
    assert beside.refresh(cool_down_ns=0) == 1
    assert keeping.store.ask("SELECT spans FROM runs") == [(1,)]
    assert beside.refresh(cool_down_ns=0) == 1
    assert keeping.store.ask("SELECT spans FROM runs") == [(2,)]
    assert beside.stale() == 0


def test_a_run_that_cannot_be_computed_is_set_aside_and_stops_no_other(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "numbers.sql").write_text(
        "-- Runs named for a number.\n-- Grain: a run.\n-- Kept: by run\n"
        "-- run_id: VARCHAR: the run\n-- number: BIGINT: it\n"
        "SELECT r.run_id, CAST(r.run_id AS BIGINT) AS number FROM runs AS r\n"
    )
    with stored(tmp_path) as store:
        marts = Marts(store.connection, catalog.load([folder]))
        marts.prepare()
        for number, session in enumerate(["1", "2", "no number", "4"], start=1):
            store.put(traces_request(span(trace=f"{number:032x}", session__id=session)))
        assert marts.refresh_all()
        told = store.ask("SELECT run_id FROM numbers ORDER BY run_id")
        assert told == [("1",), ("2",), ("4",)]
        [(run_id, reason)] = store.ask("SELECT run_id, reason FROM marts.failed_run")
        assert run_id == "no number"
        assert "Could not convert" in reason
        assert marts.stale() == 0


def test_a_store_that_is_opened_again_keeps_what_it_has(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        marts = Marts(store.connection)
        marts.prepare()
        Keeping(store, marts).put(traces_request(span(session__id="s1")))
        marts.refresh_all()
    with stored(tmp_path) as store:
        marts = Marts(store.connection)
        marts.prepare()
        assert marts.stale() == 0
        assert store.one("SELECT count(*) FROM runs") == 1


def test_other_views_than_those_of_the_file_compute_every_run_anew(
    keeping: Keeping, tmp_path: Path
) -> None:
    keeping.put(traces_request(span(session__id="s1")))
    keeping.marts.refresh_all()
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "busy_runs.sql").write_text(
        "-- Runs with many spans.\n-- Grain: a run.\n-- run_id: VARCHAR: the run\n"
        "SELECT run_id FROM runs WHERE spans > 0\n"
    )
    again = Marts(keeping.store.connection, catalog.load([folder]))
    again.prepare()
    assert again.stale() == 1
    again.refresh_all()
    assert rows(keeping.store.connection, "FROM busy_runs") == [{"run_id": "s1"}]


def test_views_that_duckdb_does_not_accept_leave_the_file_as_it_was(
    keeping: Keeping, tmp_path: Path
) -> None:
    keeping.put(traces_request(span(session__id="s1")))
    keeping.marts.refresh_all()
    file = tmp_path / "broken.sql"
    file.write_text("-- Broken.\n-- Grain: none.\n-- a: INTEGER: no\nSELECT nothing FROM runs\n")
    broken = Marts(keeping.store.connection, (*catalog.builtin(), parse(file, "own")))
    with pytest.raises(CatalogError, match=r"the view broken \(own\)"):
        broken.prepare()
    assert keeping.store.one("SELECT count(*) FROM runs") == 1
    assert keeping.marts.stale() == 0

"""Whole runs are selected, by what a user knows of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from spanscore.collector.config import load
from spanscore.collector.export.errors import ExportError
from spanscore.collector.export.requests import count_rows, stored_requests
from spanscore.collector.export.selection import Selection, select
from spanscore.collector.export.source import Source, open_source
from tests.support.harness_run import Run
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

OLD_NS = 1_780_000_000 * 10**9
NEW_NS = 1_790_000_000 * 10**9


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Three runs; half of `late` came long before, and a log record of no run with each half."""
    folder = tmp_path_factory.mktemp("selected")
    run = {"service.name": "x", "spanscore.run.id": "late"}
    with stored(folder) as store:
        store.put(*Run("aa1", sweep="s1").requests(), *Run("aa2", sweep="s'2").requests())
        store.put(
            traces_request(span(span_id="00000000000000f1"), received_ns=OLD_NS, resource=run),
            logs_request(log(trace=""), received_ns=OLD_NS, resource={"service.name": "x"}),
            metrics_request("m", 1, received_ns=OLD_NS, resource={"service.name": "x"}),
        )
        store.put(
            traces_request(span(span_id="00000000000000f2"), received_ns=NEW_NS, resource=run),
            logs_request(log(trace="", body="new"), received_ns=NEW_NS, resource={}),
        )
    with open_source(load(db=folder / "s.duckdb")) as opened:
        assert opened.make_views_fresh()
        yield opened


def chosen(source: Source, **wanted: object) -> Selection:
    return select(source, **{"run_ids": (), "sweeps": (), "since": None, **wanted})  # type: ignore[arg-type]  # by name


def spans_in(source: Source, selection: Selection) -> int:
    return count_rows(source, selection)


def test_without_a_choice_everything_is_selected(source: Source) -> None:
    everything = chosen(source)
    assert everything == Selection()
    runs = chosen(source, run_ids=["aa1", "aa2", "late"])
    assert spans_in(source, everything) == spans_in(source, runs) + 3


def test_a_run_is_named_by_the_beginning_of_its_id(source: Source) -> None:
    assert chosen(source, run_ids=["la"]).words == "run late"


def test_a_beginning_of_two_runs_is_refused_and_both_are_named(source: Source) -> None:
    with pytest.raises(ExportError, match="several runs begin with 'aa': aa1, aa2"):
        chosen(source, run_ids=["aa"])


def test_an_unknown_run_is_refused_and_says_where_to_look(source: Source) -> None:
    with pytest.raises(ExportError, match="there is no run 'x'; `spanscore runs` lists"):
        chosen(source, run_ids=["x"])


def test_an_unknown_sweep_is_refused_and_those_there_are_are_named(source: Source) -> None:
    with pytest.raises(ExportError, match="no sweep 'x'; the newest sweeps are"):
        chosen(source, sweeps=["x"])


def test_a_sweep_has_its_runs(source: Source) -> None:
    one = spans_in(source, chosen(source, run_ids=["aa2"]))
    assert spans_in(source, chosen(source, sweeps=["s'2"])) == one
    assert spans_in(source, chosen(source, sweeps=["s1", "s'2"])) == 2 * one


def test_conditions_of_several_kinds_must_all_hold(source: Source) -> None:
    assert spans_in(source, chosen(source, run_ids=["aa1"], sweeps=["s'2"])) == 0


def test_since_takes_whole_runs_and_of_the_rest_what_came_since(source: Source) -> None:
    since = datetime.fromtimestamp(NEW_NS / 1e9, UTC).isoformat()
    found = [
        (request.origin, request.received_ns, rows)
        for request, rows in stored_requests(source, chosen(source, since=since))
        if request.received_ns in (OLD_NS, NEW_NS)
    ]
    assert found == [("open", OLD_NS, 1), ("open", NEW_NS, 1), ("open", NEW_NS, 1)]


def test_since_the_future_is_nothing(source: Source) -> None:
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    assert spans_in(source, chosen(source, since=later)) == 0

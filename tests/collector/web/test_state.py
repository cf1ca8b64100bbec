"""`/healthz` and `/metrics`: the state of a running collector, counted."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanscore.collector.config import beside
from spanscore.collector.inbox import Inbox
from spanscore.collector.keys import read_token
from spanscore.collector.store.loader import Progress
from spanscore.collector.web.state import State
from tests.support.running_collector import RunningCollector
from tests.support.telemetry import span, traces_request


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path_factory.mktemp("state")) as running:
        for body in (traces_request(span()).body, traces_request(span()).body, b"\xff"):
            _post(running, body)
        running.settle()
        yield running


def _post(collector: RunningCollector, body: bytes) -> None:
    request = urllib.request.Request(
        f"{collector.endpoints.http}/v1/traces",
        data=body,
        headers={"Content-Type": "application/x-protobuf"},
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as error:
        error.close()


def get(collector: RunningCollector, path: str, *, token: bool) -> str:
    web = json.loads(beside(collector.db, "serve.json").read_text())["web"]
    request = urllib.request.Request(f"{web}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {read_token(collector.db)}")
    with urllib.request.urlopen(request, timeout=30) as response:
        text: str = response.read().decode()
        return text


def test_health_needs_no_token_and_says_ok(collector: RunningCollector) -> None:
    health = json.loads(get(collector, "/healthz", token=False))
    assert (health["status"], health["problem"]) == ("ok", None)
    assert health["loaded_rows"] == 2  # one span and the one that tells that all is loaded


def test_metrics_count_what_was_accepted_refused_loaded_and_sent_again(
    collector: RunningCollector,
) -> None:
    text = get(collector, "/metrics", token=True)
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["spanscore_accepted_spans_total"] == 3
    assert values["spanscore_refused_requests_undecodable_total"] == 1
    assert values["spanscore_loaded_rows_total"] == 2
    assert values["spanscore_duplicate_rows_total"] == 1
    assert values["spanscore_inbox_requests"] == 0
    assert values["spanscore_database_bytes"] > 0


def test_metrics_are_for_readers_only(collector: RunningCollector) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(collector, "/metrics", token=False)
    assert caught.value.code == 401
    caught.value.close()


def state(tmp_path: Path, *, fault: str | None = None) -> State:
    return State(tmp_path / "x.duckdb", tmp_path / "x.inbox", Progress(), lambda: fault)


def waiting(tmp_path: Path) -> None:
    """A request of 1970 in the inbox."""
    with Inbox(tmp_path / "x.inbox") as inbox:
        inbox.register("loader")
        inbox.append([traces_request(span(), received_ns=1)])


def test_a_loader_that_stands_still_is_a_problem(tmp_path: Path) -> None:
    waiting(tmp_path)
    sample = replace(state(tmp_path).sample(), started_s=0.0)
    assert "stood still" in str(sample.problem)


def test_a_loader_that_has_just_started_is_given_time_for_an_old_backlog(tmp_path: Path) -> None:
    waiting(tmp_path)
    assert state(tmp_path).sample().problem is None


def test_a_fault_that_the_loader_meets_is_the_problem(tmp_path: Path) -> None:
    waiting(tmp_path)
    assert state(tmp_path, fault="loading waits: no space").sample().problem == (
        "loading waits: no space"
    )


def test_a_damaged_inbox_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "x.inbox").write_bytes(b"x" * 100_000)
    assert "x.inbox" in str(state(tmp_path).sample().problem)

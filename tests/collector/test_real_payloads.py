"""What real agents sent, through the door and the encoding it came by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanscore.collector.signals import Signal
from tests.support.payloads import SESSIONS, Sent, records, requests_of
from tests.support.running_collector import RunningCollector

# Codex was given a base URL as endpoint: all three signals went to `/`, in this order.
AT_ROOT = (Signal.LOGS, Signal.TRACES, Signal.TRACES, Signal.METRICS, Signal.LOGS)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path_factory.mktemp("payloads")) as running:
        for session in SESSIONS:
            for sent in requests_of(session):
                assert sent.post(running.endpoints.http) == 200, f"{session}: {sent.path}"
        running.settle()
        yield running


def signals_of(requests: list[Sent]) -> list[Signal]:
    by_path = {signal.path: signal for signal in Signal}
    if all(sent.path == "/" for sent in requests):
        return list(AT_ROOT)
    return [by_path[sent.path] for sent in requests]


def test_every_record_of_every_captured_session_arrives(collector: RunningCollector) -> None:
    expected: Counter[str] = Counter()
    for session in SESSIONS:
        requests = list(requests_of(session))
        for sent, signal in zip(requests, signals_of(requests), strict=True):
            expected += records(sent, signal)
    for view in ("spans", "logs", "metric_points"):
        query = f"SELECT count(*) AS n FROM {view}"
        if view == "spans":
            query += " WHERE name <> 'settled'"
        assert collector.ask(query) == [{"n": expected[view]}], view


def test_nothing_that_was_acknowledged_is_rejected_later(collector: RunningCollector) -> None:
    assert collector.ask("SELECT reason FROM rejected") == []


def test_sending_everything_again_changes_nothing(collector: RunningCollector) -> None:
    counts = "SELECT (SELECT count(*) FROM spans WHERE name <> 'settled') AS s, "
    counts += "(SELECT count(*) FROM logs) AS l, (SELECT count(*) FROM metric_points) AS m"
    before = collector.ask(counts)
    for session in SESSIONS:
        for sent in requests_of(session):
            assert sent.post(collector.endpoints.http) == 200
    collector.settle()
    assert collector.ask(counts) == before


@pytest.mark.parametrize(
    ("agent", "service"),
    [
        ("claude-code", "claude-code"),
        ("codex", "codex_exec"),
        ("copilot", "github-copilot"),
        ("gemini-cli", "gemini-cli"),
        ("opencode", "opencode"),
        ("qwen-code", "qwen-code"),
    ],
)
def test_each_agent_can_be_found_by_its_service_name(
    collector: RunningCollector, agent: str, service: str
) -> None:
    assert any(session.startswith(agent) for session in SESSIONS)
    [row] = collector.ask(
        f"SELECT count(*) AS n, count(run_id) AS r FROM spans WHERE service_name = '{service}'"
    )
    assert row["n"] > 0
    assert row["r"] == row["n"]


def test_the_files_of_a_collector_are_for_their_owner_alone(
    collector: RunningCollector, tmp_path: Path
) -> None:
    files = sorted(collector.db.parent.glob("collected.duckdb*"))
    assert len(files) >= 4
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file

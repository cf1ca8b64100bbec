"""Whole runs go by age and by size; pinned runs stay; space is reused and given back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanscore.collector.config import load
from spanscore.collector.doctor import compact
from spanscore.collector.store import retention
from tests.support.stored import Stored, stored
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

DAY_NS = 86400 * 10**9
NOW_NS = time.time_ns()


def put_run(store: Stored, number: int, *, days_old: float, note: str = "") -> None:
    """A run with a span, a log record of its trace, one without a trace, and a data point."""
    received_ns = NOW_NS - int(days_old * DAY_NS)
    trace, session = f"{number:032x}", {"session.id": f"run-{number}"}
    store.put(
        traces_request(
            span(trace=trace, note=note, session__id=f"run-{number}"), received_ns=received_ns
        ),
        logs_request(log(trace=trace), received_ns=received_ns),
        logs_request(log(body="alone"), received_ns=received_ns, resource=session),
        metrics_request("m", number, received_ns=received_ns, resource=session),
    )


def runs(store: Stored) -> list[str]:
    return [run for (run,) in store.ask("SELECT DISTINCT run_id FROM spans ORDER BY 1")]


def apply(store: Stored, *, max_age_days: float | None = None, max_bytes: int | None = None) -> int:
    max_age_s = max_age_days * 86400 if max_age_days is not None else None
    return retention.apply(store.connection, max_age_s=max_age_s, max_bytes=max_bytes)


def test_a_run_goes_whole_when_its_newest_row_is_too_old(store: Stored) -> None:
    put_run(store, 1, days_old=40)
    put_run(store, 2, days_old=1)
    assert apply(store, max_age_days=30) == 1
    for view in ("spans", "logs", "metric_points"):
        assert store.ask(f"SELECT DISTINCT run_id FROM {view}") == [("run-2",)]
    assert store.one("SELECT count(*) FROM trace") == 1


def test_a_run_with_one_young_row_stays_whole(store: Stored) -> None:
    put_run(store, 1, days_old=40)
    store.put(traces_request(span(trace=f"{1:032x}", span_id="00000000000000a1")))
    assert apply(store, max_age_days=30) == 0
    assert store.one("SELECT count(*) FROM spans") == 2


def test_a_pinned_run_stays_until_it_is_unpinned(store: Stored) -> None:
    put_run(store, 1, days_old=40)
    retention.pin(store.connection, "run-1")
    retention.pin(store.connection, "run-1")
    assert apply(store, max_age_days=30) == 0
    assert runs(store) == ["run-1"]
    retention.unpin(store.connection, "run-1")
    assert apply(store, max_age_days=30) == 1
    assert runs(store) == []


def test_rows_that_belong_to_no_run_age_one_by_one(store: Stored) -> None:
    store.put(logs_request(log(body="old"), received_ns=NOW_NS - 40 * DAY_NS))
    store.put(logs_request(log(body="young"), received_ns=NOW_NS))
    apply(store, max_age_days=30)
    assert store.ask("SELECT body FROM logs") == [("young",)]


def test_the_oldest_runs_go_first_when_the_file_is_too_large(store: Stored) -> None:
    # Random text, so that it takes its space on the disk: about 4 MB a run.
    for number in (1, 2, 3, 4):
        note = "".join(f"{(i * 2654435761 + number) % 2**32:08x}" for i in range(500_000))
        put_run(store, number, days_old=10 - number, note=note)
    store.connection.execute("CHECKPOINT")
    used = retention.used(store.connection)
    assert apply(store, max_bytes=used * 6 // 10) >= 1
    left = runs(store)
    assert left == [f"run-{n}" for n in (1, 2, 3, 4)][-len(left) :]
    assert 1 <= len(left) < 4


def test_nothing_goes_without_a_bound(store: Stored) -> None:
    put_run(store, 1, days_old=4000)
    assert apply(store) == 0
    assert runs(store) == ["run-1"]


def test_space_of_removed_runs_is_given_back_by_compacting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stored(tmp_path) as store:
        for number in range(1, 5):
            note = "".join(f"{(i * 2654435761 + number) % 2**32:08x}" for i in range(500_000))
            put_run(store, number, days_old=40 if number > 1 else 0, note=note)
        store.connection.execute("CHECKPOINT")
        assert apply(store, max_age_days=30) == 3
    monkeypatch.chdir(tmp_path)
    before, after = compact(load(db="s.duckdb"))
    assert after < before
    with stored(tmp_path) as store:
        assert runs(store) == ["run-1"]
        assert store.one("SELECT count(*) FROM logs") == 2
        put_run(store, 9, days_old=0)
        assert runs(store) == ["run-1", "run-9"]
    assert (tmp_path / "s.duckdb").stat().st_mode & 0o077 == 0

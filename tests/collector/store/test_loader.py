"""What the loader holds: exactly once, poison aside, and the counts that say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.loader import READER, Loader
from tests.support.stored import Stored, stored
from tests.support.telemetry import (
    SECOND_NS,
    START_NS,
    TRACE,
    log,
    logs_request,
    metrics_request,
    span,
    traces_request,
)


def test_a_span_can_be_asked_for_once_it_is_loaded(store: Stored) -> None:
    store.put(traces_request(span(name="chat gpt-5")))
    assert store.ask("SELECT name, service_name, duration_ms, origin FROM spans") == [
        ("chat gpt-5", "tester", 1000.0, "open")
    ]


def test_a_log_record_and_a_data_point_can_be_asked_for(store: Stored) -> None:
    store.put(logs_request(log(body="hi")), metrics_request("tokens", 3, 4))
    assert store.ask("SELECT body FROM logs") == [("hi",)]
    assert store.ask("SELECT name, value FROM metric_points ORDER BY time_ns") == [
        ("tokens", 3.0),
        ("tokens", 4.0),
    ]


def test_a_resent_request_changes_nothing_for_any_signal(store: Stored) -> None:
    requests = [traces_request(span()), logs_request(log()), metrics_request("m", 1)]
    store.put(*requests)
    store.put(*requests)
    for view in ("spans", "logs", "metric_points"):
        assert store.one(f"SELECT count(*) FROM {view}") == 1
    assert store.loader.progress.duplicate_rows == 1
    assert store.loader.progress.duplicate_requests == 2


def test_a_request_resent_within_one_transaction_changes_nothing(store: Stored) -> None:
    request = logs_request(log())
    store.put(request, request)
    assert store.one("SELECT count(*) FROM logs") == 1


def test_equal_logs_of_two_origins_are_both_kept(store: Stored) -> None:
    store.put(logs_request(log(), origin="agent"), logs_request(log(), origin="harness"))
    assert store.one("SELECT count(*) FROM logs") == 2


def test_a_log_request_counts_as_new_again_after_a_day_unless_it_was_imported(
    store: Stored,
) -> None:
    store.put(logs_request(log(body="a")), logs_request(log(body="b"), origin="import"))
    store.connection.execute("UPDATE request_digest SET received_ns = 0")
    store.put(logs_request(log(body="a")), logs_request(log(body="b"), origin="import"))
    assert store.ask("SELECT body, count(*) FROM logs GROUP BY body ORDER BY body") == [
        ("a", 2),
        ("b", 1),
    ]


def test_poison_goes_to_rejected_with_its_bytes_and_never_stops_the_loader(store: Stored) -> None:
    poison = Request(Signal.TRACES, "open", START_NS, b"\xff\xff\xff")
    good = [traces_request(span(span_id=f"{i:016x}")) for i in (1, 2, 3)]
    store.put(good[0], poison, good[1], good[2])
    assert store.one("SELECT count(*) FROM spans") == 3
    [(signal, body, reason)] = store.ask("SELECT signal, body, reason FROM rejected")
    assert (signal, body) == ("traces", b"\xff\xff\xff")
    assert reason
    assert store.loader.progress.rejected_requests == 1


def test_the_cursor_is_in_the_database_so_a_new_loader_goes_on_where_the_last_stopped(
    tmp_path: Path,
) -> None:
    with stored(tmp_path) as first:
        first.put(logs_request(log(body="a")))
    with stored(tmp_path) as second:
        second.connection.execute("DELETE FROM request_digest")
        second.put(logs_request(log(body="b")))
        assert second.ask("SELECT body FROM logs ORDER BY body") == [("a",), ("b",)]


def test_rows_loaded_before_a_kill_that_the_inbox_was_not_told_of_are_not_loaded_again(
    store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill falls between the commit in DuckDB and the word to the inbox."""

    def killed(reader: str, position: int) -> None:
        raise ConnectionAbortedError(reader, position)

    with monkeypatch.context() as patch:
        patch.setattr(store.inbox, "advance", killed)
        with pytest.raises(ConnectionAbortedError):
            store.put(logs_request(log()))
    store.connection.execute("DELETE FROM request_digest")
    store.loader = Loader(store.connection, store.inbox)
    store.load()
    assert store.one("SELECT count(*) FROM logs") == 1


def test_a_fault_of_the_machine_leaves_the_requests_in_the_inbox(
    store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, table: str, rows: object) -> None:
        raise duckdb.IOException(f"No space left on device: {table}")

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "_insert", full)
        with pytest.raises(duckdb.IOException):
            store.put(traces_request(span()))
    assert store.one("SELECT count(*) FROM rejected") == 0
    store.load()
    assert store.one("SELECT count(*) FROM spans") == 1


def test_requests_that_are_loaded_leave_the_inbox(store: Stored) -> None:
    store.put(traces_request(span()), logs_request(log()))
    assert store.inbox.depth().requests == 0
    assert store.inbox.read(READER, after=0, max_requests=10, max_bytes=1 << 20) == []


def test_the_same_id_with_another_end_is_a_conflict_and_the_first_is_kept(store: Stored) -> None:
    store.put(traces_request(span(name="first")))
    store.put(traces_request(span(name="second", end_ns=START_NS + 2 * SECOND_NS)))
    assert store.ask("SELECT name FROM spans") == [("first",)]
    assert store.ask("SELECT kind, known_end_ns - end_ns FROM span_conflict") == [
        ("times", -SECOND_NS)
    ]
    assert store.loader.progress.conflicts == 1


def test_a_conflict_is_found_however_far_apart_the_two_starts_are(store: Stored) -> None:
    store.put(traces_request(span(name="first", start_ns=5, end_ns=9)))
    store.put(traces_request(span(name="second")))
    assert store.ask("SELECT name FROM spans") == [("first",)]


def test_the_same_id_from_another_origin_is_stored_beside_it_and_counted(store: Stored) -> None:
    store.put(traces_request(span(name="forged"), origin="agent"))
    store.put(traces_request(span(name="real"), origin="harness"))
    assert store.ask("SELECT origin, name FROM spans ORDER BY origin") == [
        ("agent", "forged"),
        ("harness", "real"),
    ]
    assert store.ask("SELECT kind, origin, known_origin FROM span_conflict") == [
        ("origin", "harness", "agent")
    ]


def test_duplicates_within_one_request_are_stored_once(store: Stored) -> None:
    store.put(traces_request(span(), span(), span(name="other", end_ns=START_NS)))
    assert store.one("SELECT count(*) FROM spans") == 1
    assert store.one("SELECT count(*) FROM span_conflict") == 1


def test_times_of_1970_and_2200_and_negative_durations_are_stored_as_they_came(
    store: Stored,
) -> None:
    far_ns = 7_258_118_400 * SECOND_NS
    store.put(
        traces_request(
            span(span_id="00000000000000a1", start_ns=0, end_ns=1),
            span(span_id="00000000000000a2", start_ns=far_ns, end_ns=far_ns + 1),
            span(span_id="00000000000000a3", start_ns=START_NS, end_ns=START_NS - 7),
            span(span_id="00000000000000a4", start_ns=2**64 - 1, end_ns=0),
        )
    )
    rows = store.ask(
        "SELECT span_id, start_ns, duration_ns, year(start_time) FROM spans ORDER BY span_id"
    )
    assert [row[1:] for row in rows[:3]] == [(0, 1, None), (far_ns, 1, 2200), (START_NS, -7, 2026)]
    assert rows[3][1] == -1


def test_a_resource_is_stored_once_however_often_it_comes(store: Stored) -> None:
    for i in range(3):
        store.put(traces_request(span(span_id=f"{i + 1:016x}")))
    assert store.one("SELECT count(*) FROM resource") == 1
    assert store.one("SELECT count(*) FROM scope") == 1


def test_a_resource_of_a_transaction_that_failed_is_stored_by_the_next(
    store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, table: str, rows: object) -> None:
        raise duckdb.IOException("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "_insert", full)
        with pytest.raises(duckdb.IOException):
            store.put(traces_request(span()))
    store.load()
    assert store.one("SELECT service_name FROM spans") == "tester"


def test_a_full_transaction_says_that_more_may_wait(store: Stored) -> None:
    request = logs_request(log())
    store.inbox.append([replace(request, origin=f"o{i}") for i in range(300)])
    assert store.loader.load_once()
    assert not store.loader.load_once()
    assert store.one(f"SELECT count(*) FROM logs WHERE trace_id IS DISTINCT FROM '{TRACE}'") == 300

"""Compaction and retention: fewer files, the same answers, and nothing twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanscore.collector.lake import compact as compaction
from spanscore.collector.lake.compact import CompactError, Report, compact, retain
from spanscore.collector.lake.opened import open_lake
from spanscore.queries import catalog
from spanscore.queries.lake.snapshot import take
from spanscore.queries.lake.storage import Storage, open_storage
from tests.collector.lake.test_opened import Answers, asked, quiet
from tests.support.lakes import files, fill
from tests.support.sessions import SESSIONS, session_requests
from tests.support.telemetry import START_NS, span, traces_request


def compacted(lake: Storage, *, grace_s: float = 3600.0) -> Report:
    """Compact all that is there, also the hour that is not over."""
    return compact(lake, catalog.builtin(), quiet, grace_s=grace_s, settled_s=-7200)


def answers(lake: Path) -> Answers:
    """All rows of all views."""
    with open_lake(lake, catalog.builtin()) as opened:
        return asked(opened)


def test_a_compacted_lake_says_what_it_said_and_takes_in_what_comes_later(tmp_path: Path) -> None:
    place = tmp_path / "lake"
    lake = open_storage(place)
    requests = [request for session in SESSIONS for request in session_requests(session)]
    third = len(requests) // 3
    for number in range(3):  # each a collector, and each sends a part of the others' again
        fill(place, tmp_path / f"c{number}", *requests[: third + 10], collector=f"c{number}")
    before = answers(place)
    report = compacted(lake)
    assert report.rows_before > report.rows_after > 0
    assert report.files_before > report.files_after
    assert answers(place) == before
    # A session goes on, and others come: the index knows nothing of them yet.
    fill(place, tmp_path / "c0", *requests[third + 5 :], collector="c0")
    fill(tmp_path / "whole", tmp_path / "w", *requests, collector="w")
    expected = answers(tmp_path / "whole")
    found = answers(place)
    assert {view: found[view] == rows for view, rows in expected.items()} == dict.fromkeys(
        expected, True
    )
    compacted(lake)
    compacted(lake, grace_s=-1)
    assert answers(place) == expected
    snapshot = take(lake)
    assert not snapshot.ignored
    assert all("compacted-" in name for name in files(place))


def test_a_compaction_cut_short_changes_nothing_and_the_next_one_clears_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "lake"
    lake = open_storage(place)
    fill(place, tmp_path / "a", traces_request(span(span_id="01" * 8)))
    fill(place, tmp_path / "a", traces_request(span(span_id="02" * 8)))
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_write_index", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            compacted(lake)
    assert len(files(place)) == 3
    with open_lake(place, ()) as opened:
        assert opened.connection.execute("SELECT count(*) FROM spans").fetchall() == [(2,)]
    compacted(lake, grace_s=-1)
    assert len(files(place)) == 1


def test_of_two_compactions_at_once_one_counts_and_the_other_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "lake"
    lake = open_storage(place)
    fill(place, tmp_path / "a", traces_request(span()))
    real = compaction._write_index

    def another_comes_first(*arguments: object) -> tuple[str, str]:
        monkeypatch.setattr(compaction, "_write_index", real)
        compacted(lake)
        return real(*arguments)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(compaction, "_write_index", another_comes_first)
    with pytest.raises(CompactError, match=r"another compaction of .* was quicker; nothing was"):
        compacted(lake)
    with open_lake(place, ()) as opened:
        assert opened.connection.execute("SELECT count(*) FROM spans").fetchall() == [(1,)]


def test_days_before_a_date_go_and_what_has_no_date_stays(tmp_path: Path) -> None:
    place = tmp_path / "lake"
    lake = open_storage(place)
    day_ns = 86400 * 10**9
    for number, start_ns in enumerate((0, START_NS - 2 * day_ns, START_NS), start=1):
        fill(place, tmp_path / "a",
             traces_request(span(span_id=f"{number:016x}", start_ns=start_ns)))  # fmt: skip
    compacted(lake)
    assert retain(lake, "2026-09-20") == 1
    assert retain(lake, "2026-09-20") == 0
    with open_lake(place, catalog.builtin()) as opened:
        opened.prepare("FROM runs", quiet)
        found = opened.connection.execute("SELECT start_ns FROM spans ORDER BY 1").fetchall()
        [(spans,)] = opened.connection.execute("SELECT sum(spans) FROM runs").fetchall()
    assert found == [(0,), (START_NS,)]
    assert spans == 2


def test_the_hour_that_is_not_over_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "lake"
    fill(place, tmp_path / "a", traces_request(span(start_ns=time.time_ns())))
    report = compact(open_storage(place), catalog.builtin(), quiet)
    assert report.files_before == 0
    assert len(files(place)) == 1

"""The lake writer: what it seals, when, under which names, and what it does when a store fails."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spanscore.collector.decode.batch import decode
from spanscore.collector.inbox import Entry, Inbox, Request
from spanscore.collector.lake import process
from spanscore.collector.lake.plan import PlanError
from spanscore.collector.lake.readers import LOADER, forget_others, reader_name, settle
from spanscore.collector.lake.rows import FOLDERS, Source, lake_rows, schema
from spanscore.collector.signals import Signal
from spanscore.collector.store import loader
from spanscore.queries.lake.storage import Folder, StorageError, Stored, open_storage
from tests.support.lakes import files, fill, put, rows, writing
from tests.support.sessions import SESSIONS, session_requests
from tests.support.telemetry import START_NS, log, logs_request, span, traces_request

HOUR_NS = 3600 * 10**9


def test_a_batch_is_sealed_when_it_is_old_enough_and_not_before(tmp_path: Path) -> None:
    put(tmp_path, traces_request(span()))
    with writing(tmp_path, every_s=3600) as writer:
        assert not writer.seal_due()
    with writing(tmp_path, every_s=0) as writer:
        assert writer.seal_due()
        assert not writer.seal_due()
    assert len(rows(tmp_path / "lake")) == 1


def test_a_batch_is_sealed_when_it_is_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.lake.writer.MAX_REQUESTS", 2)
    put(tmp_path, *(traces_request(span(span_id=f"{n:016x}")) for n in (1, 2, 3)))
    with writing(tmp_path, every_s=3600) as writer:
        assert writer.seal_due()
        assert not writer.seal_due()
    assert [row["position"] for row in rows(tmp_path / "lake")] == [1, 2]


def test_rows_lie_by_the_hour_in_which_they_happened_sorted_by_time(tmp_path: Path) -> None:
    spans = [
        span(span_id=f"{n:016x}", start_ns=START_NS + offset)
        for n, offset in enumerate((2, 1, HOUR_NS, 0), start=1)
    ]
    put(tmp_path, traces_request(*spans), logs_request(log(time_ns=0)))
    with writing(tmp_path) as writer:
        writer.seal()
    first, second = files(tmp_path / "lake")
    assert first.startswith("spans/date=2026-09-21/hour=14/a-")
    assert second.startswith("spans/date=2026-09-21/hour=15/a-")
    assert [row["start_ns"] - START_NS for row in rows(tmp_path / "lake")] == [0, 1, 2, HOUR_NS]
    [unplaced] = files(tmp_path / "lake", "logs")
    assert unplaced.startswith("logs/date=1970-01-01/hour=00/")


def test_a_request_of_random_times_makes_no_file_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.lake.parquet.MAX_HOURS", 3)
    spans = [span(span_id=f"{n:016x}", start_ns=START_NS + n * HOUR_NS) for n in range(1, 9)]
    put(tmp_path, traces_request(*spans))
    with writing(tmp_path) as writer:
        writer.seal()
    assert len(files(tmp_path / "lake")) == 4
    assert len(rows(tmp_path / "lake")) == 8


def test_a_file_tells_the_version_of_its_columns(tmp_path: Path) -> None:
    put(tmp_path, traces_request(span()))
    with writing(tmp_path) as writer:
        writer.seal()
    [name] = files(tmp_path / "lake")
    about = pq.read_metadata(tmp_path / "lake" / name).metadata
    assert about[b"spanscore.version"] == b"1"


@pytest.mark.parametrize("signal", list(Signal))
def test_a_row_has_every_column_of_its_record_and_its_resource_as_it_came(signal: Signal) -> None:
    sent = (request for session in SESSIONS for request in session_requests(session))
    requests = [request for request in sent if request.signal == signal]
    batch = decode(signal, requests)
    entries = [Entry(number, request) for number, request in enumerate(requests, start=1)]
    found = lake_rows(signal, batch, entries, Source("a", "b"))
    assert found.schema == schema(signal)
    for name in set(batch.records.column_names) - {"resource_id", "scope_id"}:
        assert found[name] == batch.records[name], name
    ids, raw = (batch.resources[name].to_pylist() for name in ("resource_id", "raw"))
    raws = dict(zip(ids, raw, strict=True))
    assert found["resource_raw"].to_pylist() == [
        raws[number] for number in batch.records["resource_id"].to_pylist()
    ]
    bodies = {entry.position: entry.request for entry in entries}
    assert [bodies[position].received_ns for position in found["position"].to_pylist()] == found[
        "received_ns"
    ].to_pylist()


def test_a_request_that_was_sent_twice_is_sealed_once(tmp_path: Path) -> None:
    request = traces_request(span())
    put(tmp_path, request, request, logs_request(log()))
    with writing(tmp_path) as writer:
        writer.seal()
    assert len(rows(tmp_path / "lake")) == 1


def test_what_cannot_be_decoded_is_kept_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    bad = Request(Signal.TRACES, "open", 5, b"\xff\xff")
    put(tmp_path, traces_request(span()), bad, traces_request(span(span_id="09" * 8)))
    with writing(tmp_path) as writer:
        writer.seal()
    assert len(rows(tmp_path / "lake")) == 2
    [rejected] = rows(tmp_path / "lake", "rejected")
    assert rejected["body"] == b"\xff\xff"
    assert rejected["position"] == 2
    assert rejected["reason"]


def test_two_collectors_with_the_same_name_and_the_same_inbox_both_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    put(one, traces_request(span(span_id="01" * 8)))
    with writing(one, open_storage(tmp_path / "lake")):
        pass  # it has its id now, and the machine is copied
    shutil.copytree(one, two)
    for folder, span_id in ((one, "02" * 8), (two, "03" * 8)):
        put(folder, traces_request(span(span_id=span_id)))
        with writing(folder, open_storage(tmp_path / "lake")) as writer:
            while writer.seal():
                pass
    put(two, traces_request(span(span_id="04" * 8)))
    with writing(two, open_storage(tmp_path / "lake")) as writer:
        while writer.seal():
            pass
    found = Counter(row["span_id"] for row in rows(tmp_path / "lake"))
    # What both had before they parted was acknowledged by each of them.
    assert found == {"01" * 8: 2, "02" * 8: 1, "03" * 8: 1, "04" * 8: 1}
    said = capsys.readouterr().err
    assert said.count("another collector writes to") == 1
    assert "was its inbox copied?" in said


class FailingFolder(Folder):
    """A lake whose store fails at random, before or after it did what it was asked."""

    def __init__(self, url: str, chance: random.Random) -> None:
        super().__init__(url)
        self._chance = chance

    def create(self, name: str, data: bytes) -> bool:
        self._fail()
        done = super().create(name, data)
        self._fail()
        return done

    def read(self, name: str) -> bytes:
        self._fail()
        return super().read(name)

    def list(self, folder: str) -> list[Stored]:
        self._fail()
        return super().list(folder)

    def _fail(self) -> None:
        if self._chance.random() < 0.3:
            raise StorageError(f"the lake {self.url} does not answer as it should: slow down")


def test_a_store_that_fails_at_random_gets_everything_once_and_the_fault_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(process, "LAST_RETRY_S", 0.001)
    put(tmp_path, *(traces_request(span(span_id=f"{n:016x}")) for n in range(1, 41)))
    stop = threading.Event()
    monkeypatch.setattr("spanscore.collector.lake.writer.MAX_REQUESTS", 2)
    storage = FailingFolder(str(tmp_path / "lake"), random.Random(7))
    with writing(tmp_path, storage) as writer:
        thread = threading.Thread(target=process.feed, args=(writer, stop))
        thread.start()
        for _ in range(2000):
            with Inbox(tmp_path / "s.inbox") as inbox:
                if not inbox.depth(reader_name(storage.url)).requests:
                    break
            stop.wait(0.01)
        stop.set()
        thread.join()
    found = Counter(row["span_id"] for row in rows(tmp_path / "lake"))
    assert found == Counter(f"{n:016x}" for n in range(1, 41))
    assert "feeding the lake waits: the lake" in capsys.readouterr().err


def test_a_lake_that_is_fed_again_gets_nothing_twice(tmp_path: Path) -> None:
    put(tmp_path, traces_request(span(span_id="01" * 8)))
    with writing(tmp_path) as writer:
        writer.seal()
    with Inbox(tmp_path / "s.inbox") as inbox:
        assert forget_others(inbox, None) == []
    put(tmp_path, traces_request(span(span_id="02" * 8)))
    with writing(tmp_path) as writer:
        while writer.seal():
            pass
    assert [row["position"] for row in rows(tmp_path / "lake")] == [1, 2]


def test_a_lake_that_is_no_longer_fed_holds_nothing_back_and_that_is_said(tmp_path: Path) -> None:
    put(tmp_path, traces_request(span()))
    with writing(tmp_path):
        pass
    [sentence] = settle(tmp_path / "s.inbox", None, with_store=True)
    assert sentence.endswith("lake is no longer fed: 1 requests are not in it")
    assert settle(tmp_path / "s.inbox", None, with_store=True) == []


def test_a_collector_without_a_database_keeps_nothing_for_one(tmp_path: Path) -> None:
    assert LOADER == loader.READER
    with Inbox(tmp_path / "s.inbox") as inbox:
        inbox.register(LOADER)
        assert settle(inbox.path, "lake", with_store=False) == []
        assert inbox.readers() == {}


def test_another_inbox_under_the_same_name_starts_under_a_new_id(tmp_path: Path) -> None:
    fill(tmp_path / "lake", tmp_path / "one", traces_request(span(span_id="01" * 8)))
    for path in (tmp_path / "one").glob("s.inbox*"):
        path.unlink()
    fill(tmp_path / "lake", tmp_path / "one", traces_request(span(span_id="02" * 8)))
    assert len({row["inbox"] for row in rows(tmp_path / "lake")}) == 2


def test_a_damaged_plan_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "s.lake.json").write_text("{")
    with pytest.raises(PlanError, match=r"is damaged .* Delete it"), writing(tmp_path):
        pass


def test_all_signals_have_a_folder() -> None:
    assert set(FOLDERS) == set(Signal)
    assert all(isinstance(schema(signal), pa.Schema) for signal in Signal)

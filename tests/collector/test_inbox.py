"""The contract of the inbox, sentence by sentence."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from spanscore.collector.inbox import Depth, Entry, Inbox, InboxError, InboxFull, Request
from spanscore.collector.inbox_file import PAGE_BYTES, InboxFile
from spanscore.collector.signals import Signal
from tests.support.inbox_requests import name_of, names_in, read_all, request, requests

MIB = 1024**2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.inbox"


def file_bytes(path: Path) -> int:
    return path.stat().st_size


def test_what_append_was_given_is_there_for_others_when_it_returns(path: Path) -> None:
    with Inbox(path) as writer:
        writer.append(requests("a", "b"))
        assert names_in(path) == ["a", "b"]


def test_a_commit_is_synced_to_the_disk_before_append_returns(path: Path) -> None:
    file = InboxFile(path)
    assert file.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert file.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert file.db.execute("PRAGMA fullfsync").fetchone() == (1,)
    assert file.db.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)
    file.close()


def test_nothing_of_an_append_that_raises_is_there(path: Path) -> None:
    impossible = Request(Signal.LOGS, "open", 2**63, b"")  # beyond SQLite's integers
    with Inbox(path) as inbox:
        with pytest.raises(OverflowError):
            inbox.append([request("a"), impossible], {"spans": 1})
        assert inbox.counters() == {}
        inbox.append(requests("b"))
    assert names_in(path) == ["b"]


def test_appending_nothing_changes_nothing(path: Path) -> None:
    with Inbox(path) as inbox, Inbox(path) as other:
        other.changed()
        inbox.append([])
        assert not other.changed()


def test_positions_count_up_by_one_in_the_order_of_the_commits(path: Path) -> None:
    with Inbox(path) as one, Inbox(path) as two:
        one.append(requests("a", "b"))
        two.append(requests("c"))
        one.append(requests("d"))
        one.register("loader")
        entries = read_all(two, "loader")
    assert [(entry.position, name_of(entry)) for entry in entries] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (4, "d"),
    ]


def test_a_position_is_not_used_again_after_everything_was_deleted(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append(requests("a", "b"))
        inbox.advance("loader", 2)
        assert read_all(inbox, "loader") == []
    with Inbox(path) as inbox:
        inbox.append(requests("c"))
        assert [entry.position for entry in read_all(inbox, "loader")] == [3]


def test_a_refused_append_leaves_no_gap_in_the_positions(path: Path) -> None:
    with Inbox(path, max_bytes=MIB) as inbox:
        inbox.register("loader")
        inbox.append(requests("a"))
        with pytest.raises(InboxFull):
            inbox.append([request("b"), request("too large", MIB)])
        inbox.append(requests("c"))
        assert [entry.position for entry in read_all(inbox, "loader")] == [1, 2]


def test_a_request_comes_back_exactly_as_it_was_put_in(path: Path) -> None:
    put = [
        Request(Signal.TRACES, "harness", 1, bytes(range(256)) * 1000),
        Request(Signal.LOGS, "agent", 2**63 - 1, b""),
        Request(Signal.METRICS, "import", 0, b"\x00"),
    ]
    with Inbox(path) as inbox:
        inbox.append(put)
        inbox.register("loader")
        assert read_all(inbox, "loader") == [Entry(n, r) for n, r in enumerate(put, 1)]


def test_a_request_stays_until_every_registered_reader_has_passed_it(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.register("forwarder")
        inbox.append(requests("a", "b", "c"))
        inbox.advance("loader", 3)
        assert [name_of(entry) for entry in read_all(inbox, "forwarder")] == ["a", "b", "c"]
        inbox.advance("forwarder", 1)
        assert [name_of(entry) for entry in read_all(inbox, "forwarder")] == ["b", "c"]


def test_without_a_reader_every_request_stays(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("a"))
        assert not inbox.sweep()
    assert names_in(path) == ["a"]


def test_a_forgotten_reader_holds_nothing_and_is_told_so_when_it_reads(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.register("forwarder")
        inbox.append(requests("a", "b"))
        inbox.advance("loader", 2)
        inbox.forget("forwarder")
        inbox.sweep()
        assert read_all(inbox, "loader") == []
        for use in (
            lambda: read_all(inbox, "forwarder"),
            lambda: inbox.advance("forwarder", 1),
        ):
            with pytest.raises(InboxError, match="'forwarder', which is not registered"):
                use()
        inbox.forget("forwarder")


def test_a_new_reader_starts_before_the_oldest_request_kept(path: Path) -> None:
    with Inbox(path) as inbox:
        assert inbox.register("first") == 0
        inbox.append(requests("a", "b", "c"))
        inbox.advance("first", 2)
        assert inbox.register("second") == 2
        inbox.advance("first", 3)
        inbox.advance("second", 3)
        assert inbox.register("third") == 3


def test_a_known_reader_stays_where_it_is_unless_a_position_is_given(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("keeps all")
        inbox.append(requests("a", "b", "c"))
        inbox.register("loader", 2)
        assert inbox.register("loader") == 2
        assert inbox.register("loader", 1) == 1
        assert inbox.register("loader") == 1


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_that_was_never_given_is_refused(path: Path, position: int) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("a"))
        with pytest.raises(InboxError, match="another inbox"):
            inbox.register("loader", position)
        inbox.register("loader")
        if position > 0:
            with pytest.raises(InboxError, match="another inbox"):
                inbox.advance("loader", position)
    assert names_in(path) == ["a"]


def test_going_back_changes_nothing(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("a", "b"))
        inbox.register("loader", 2)
        inbox.advance("loader", 1)
        assert inbox.register("loader") == 2


def test_read_ends_before_either_bound_but_gives_at_least_one(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append(requests("a", "b", "c", "d", size_bytes=1000))

        def count(after: int, max_requests: int, max_bytes: int) -> int:
            bounds = {"max_requests": max_requests, "max_bytes": max_bytes}
            return len(inbox.read("loader", after=after, **bounds))

        assert count(0, 3, 10_000) == 3
        assert count(0, 10, 2999) == 2
        assert count(0, 10, 3000) == 3
        assert count(3, 10, 10) == 1
        assert count(4, 10, 10) == 0


def test_deleting_goes_in_steps_of_a_few_megabytes(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.register("slow")
        inbox.append(requests(*map(str, range(30)), size_bytes=MIB // 2))
        inbox.advance("loader", 30)
        inbox.forget("slow")
        kept = [len(read_all(inbox, "loader"))]
        while inbox.sweep():
            kept.append(len(read_all(inbox, "loader")))
    assert kept == [30, 22, 14, 6]


def test_a_step_deletes_one_request_however_large_it_is(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append([request("large", 6 * MIB), request("small")])
        inbox.advance("loader", 2)
        assert read_all(inbox, "loader") == []


def test_a_step_takes_a_bounded_number_of_small_requests(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.register("slow")
        inbox.append(requests(*map(str, range(1500)), size_bytes=1))
        inbox.advance("loader", 1500)
        inbox.forget("slow")
        assert inbox.sweep()
        assert len(read_all(inbox, "loader")) == 500
        assert not inbox.sweep()
        assert read_all(inbox, "loader") == []


def test_one_advance_deletes_a_bounded_part_of_a_long_backlog(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.inbox.SWEEP_STEPS", 2)
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append(requests(*map(str, range(25)), size_bytes=MIB // 2))
        inbox.advance("loader", 25)
        assert len(read_all(inbox, "loader")) == 9
        inbox.advance("loader", 25)
        assert read_all(inbox, "loader") == []


def test_the_file_grows_to_its_bound_and_takes_more_when_readers_have_advanced(path: Path) -> None:
    size_bytes, max_bytes = 100_000, 2 * MIB
    with Inbox(path, max_bytes=max_bytes) as inbox:
        inbox.register("loader")
        first = 0
        for _ in range(5):
            names: list[str] = []
            with pytest.raises(InboxFull, match=r"raise --inbox-max"):  # noqa: PT012 - until it is full
                while True:
                    inbox.append([request(f"{first + len(names)}", size_bytes)])
                    names.append(f"{first + len(names)}")
            entries = read_all(inbox, "loader")
            assert [name_of(entry) for entry in entries] == names
            assert len(names) * size_bytes > 0.8 * max_bytes
            inbox.advance("loader", entries[-1].position)
            first += len(names)
    assert file_bytes(path) <= max_bytes + size_bytes + PAGE_BYTES


def test_a_bound_that_was_lowered_below_the_file_counts_only_what_is_in_use(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append([request("large", 3 * MIB)])
    with Inbox(path, max_bytes=MIB) as inbox:
        with pytest.raises(InboxFull):
            inbox.append(requests("a"))
        inbox.advance("loader", 1)
        inbox.append(requests("b"))
    assert names_in(path) == ["b"]


def test_counters_change_with_the_requests_or_not_at_all(path: Path) -> None:
    with Inbox(path, max_bytes=MIB) as inbox:
        inbox.append(requests("a"), {"accepted": 1, "masked": 2})
        inbox.count({"accepted": 10})
        with pytest.raises(InboxFull):
            inbox.append([request("b", MIB)], {"accepted": 100})
        assert inbox.counters() == {"accepted": 11, "masked": 2}
    with Inbox(path) as inbox:
        assert inbox.counters() == {"accepted": 11, "masked": 2}


def test_the_file_and_its_companions_can_be_read_by_their_owner_alone(path: Path) -> None:
    mask = os.umask(0)
    try:
        with Inbox(path) as inbox:
            inbox.append(requests("a"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(mask)
    assert modes == {"db.inbox": 0o600, "db.inbox-wal": 0o600, "db.inbox-shm": 0o600}


def test_changed_tells_of_the_commits_of_others_once(path: Path) -> None:
    with Inbox(path) as reader, Inbox(path) as writer:
        assert reader.changed()
        assert not reader.changed()
        writer.append(requests("a"))
        writer.append(requests("b"))
        assert reader.changed()
        assert not reader.changed()
        reader.append(requests("its own"))
        assert not reader.changed()


def test_a_reader_that_finds_nothing_wakes_no_other_reader(path: Path) -> None:
    with Inbox(path) as one, Inbox(path) as two:
        one.register("one")
        two.changed()
        assert read_all(one, "one") == []
        one.advance("one", 0)
        one.register("one")
        assert not one.sweep()
        assert not two.changed()


def test_depth_is_what_the_slowest_reader_has_still_to_pass(path: Path) -> None:
    with Inbox(path) as inbox:
        assert inbox.depth() == Depth(0, 0, None)
        for received_ns in (10, 20, 30):
            inbox.append([Request(Signal.LOGS, "open", received_ns, b"x" * received_ns)])
        assert inbox.depth() == Depth(3, 60, 10)
        inbox.register("slow")
        inbox.register("fast")
        inbox.advance("fast", 3)
        assert inbox.depth() == Depth(3, 60, 10)
        inbox.advance("slow", 1)
        assert inbox.depth() == Depth(2, 50, 20)
        assert inbox.depth("fast") == Depth(0, 0, None)
        assert inbox.depth("slow") == inbox.depth()
        assert inbox.readers() == {"fast": 3, "slow": 1}
        inbox.advance("slow", 3)
        assert inbox.depth() == Depth(0, 0, None)
        inbox.append([Request(Signal.LOGS, "open", 40, b"xxxx")])
        assert inbox.depth() == Depth(1, 4, 40)


def test_depth_does_not_count_what_is_passed_but_not_deleted_yet(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("a", "b", size_bytes=10))
        inbox.register("loader", 1)
        assert inbox.depth() == Depth(1, 10, 1_700_000_000_000_000_000)


def test_the_identity_belongs_to_the_file(tmp_path: Path) -> None:
    with Inbox(tmp_path / "one") as one, Inbox(tmp_path / "one") as same:
        assert one.identity == same.identity
    with Inbox(tmp_path / "one") as again, Inbox(tmp_path / "two") as other:
        assert one.identity == again.identity != other.identity


def test_an_instance_may_be_handed_to_another_thread(path: Path) -> None:
    inbox = Inbox(path)

    def use() -> None:
        inbox.append(requests("from a thread"))
        inbox.close()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert names_in(path) == ["from a thread"]


def test_a_closed_inbox_may_be_closed_again_and_opened_anew(path: Path) -> None:
    inbox = Inbox(path)
    inbox.append(requests("a"))
    inbox.close()
    inbox.close()
    assert names_in(path) == ["a"]


def test_of_two_that_make_the_file_at_once_the_first_one_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def link_after_a_rival(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        with Inbox(path) as rival:
            rival.append(requests("rival"))
        link(source, target)

    monkeypatch.setattr(os, "link", link_after_a_rival)
    with Inbox(path) as inbox:
        inbox.append(requests("second"))
    assert names_in(path) == ["rival", "second"]
    assert [file.name for file in path.parent.iterdir()] == ["db.inbox"]

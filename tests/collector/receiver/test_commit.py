"""Group commit: only what is on the disk is acknowledged, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from spanscore.collector.inbox import Inbox, InboxBusy, InboxCorrupt, InboxFull, Request
from spanscore.collector.receiver.commit import (
    GROUP_BYTES,
    GROUP_REQUESTS,
    WAITER_BYTES,
    GroupCommit,
)
from spanscore.collector.signals import Signal
from tests.support.inbox_disk import disk_full_beyond, write_lock_held
from tests.support.inbox_requests import names_in, request

MIB = 1024**2
NO_COUNTS: Mapping[str, int] = {}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.inbox"


@asynccontextmanager
async def opened(path: Path, max_bytes: int = 64 * MIB) -> AsyncIterator[GroupCommit]:
    commits = GroupCommit(path, max_bytes)
    try:
        yield commits
    finally:
        await commits.close()


class RecordingInbox(Inbox):
    """Tells when an append has begun, and remembers the sizes of the bodies in each."""

    begun: ClassVar[threading.Event] = threading.Event()
    groups: ClassVar[list[list[int]]] = []

    def append(self, requests: Sequence[Request], counts: Mapping[str, int] = NO_COUNTS) -> None:
        if requests:
            self.begun.set()
        super().append(requests, counts)
        if requests:
            self.groups.append([len(request.body) for request in requests])


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> type[RecordingInbox]:
    """The inbox that group commit uses."""
    monkeypatch.setattr("spanscore.collector.receiver.commit.Inbox", RecordingInbox)
    monkeypatch.setattr(RecordingInbox, "begun", threading.Event())
    monkeypatch.setattr(RecordingInbox, "groups", [])
    return RecordingInbox


def counters(path: Path) -> dict[str, int]:
    with Inbox(path) as inbox:
        return inbox.counters()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def begun(*tasks: asyncio.Task[None]) -> None:
    """Let the tasks run up to where they wait for the disk."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_what_is_acknowledged_is_on_the_disk_with_its_counts(path: Path) -> None:
    async with opened(path) as commits:
        await commits.commit(request("a"), {"accepted": 1})
        assert names_in(path) == ["a"]
        await commits.commit(request("b"), {"accepted": 2})
        assert counters(path) == {"accepted": 3}


async def test_requests_of_one_task_after_the_other_keep_their_order(path: Path) -> None:
    async with opened(path) as commits:
        await asyncio.gather(*(commits.commit(request(str(n))) for n in range(300)))
    assert names_in(path) == [str(n) for n in range(300)]


async def test_nothing_is_acknowledged_and_the_loop_goes_on_while_the_disk_is_waited_for(
    path: Path,
) -> None:
    async with opened(path) as commits:
        with write_lock_held(path):
            waiting = [asyncio.create_task(commits.commit(request(str(n)))) for n in range(100)]
            await begun(*waiting)
        await asyncio.gather(*waiting)
    assert len(names_in(path)) == 100


async def groups_behind_a_lock(
    path: Path, recording: type[RecordingInbox], asks: list[Request]
) -> list[list[int]]:
    """The commits that result when `asks` come while the first one waits for the lock."""
    async with opened(path, max_bytes=1024 * MIB) as commits:
        with write_lock_held(path):
            waiting = [asyncio.create_task(commits.commit(request("first")))]
            await until(recording.begun.is_set)
            waiting += [asyncio.create_task(commits.commit(ask)) for ask in asks]
            await begun(*waiting)
        await asyncio.gather(*waiting)
    return recording.groups


async def test_those_that_wait_together_share_a_commit(
    path: Path, recording: type[RecordingInbox]
) -> None:
    asks = [request(str(n)) for n in range(20)]
    groups = await groups_behind_a_lock(path, recording, asks)
    assert [len(group) for group in groups] == [1, 20]


async def test_a_commit_is_bounded_in_requests_and_bytes(
    path: Path, recording: type[RecordingInbox]
) -> None:
    asks = [request(str(n)) for n in range(200)] + [request(str(n), 6 * MIB) for n in range(9)]
    groups = await groups_behind_a_lock(path, recording, asks)
    assert [len(group) for group in groups] == [1, 64, 64, 64, 11, 3, 3]
    assert (GROUP_REQUESTS, GROUP_BYTES) == (64, 16 * MIB)


async def test_what_does_not_fit_fails_alone(path: Path) -> None:
    async with opened(path, max_bytes=2 * MIB) as commits:
        with write_lock_held(path):
            first = asyncio.create_task(commits.commit(request("first")))
            await begun(first)
            small = [asyncio.create_task(commits.commit(request(n))) for n in ("a", "b")]
            large = asyncio.create_task(commits.commit(request("large", 4 * MIB), {"large": 1}))
            after = asyncio.create_task(commits.commit(request("c"), {"small": 1}))
            await begun(*small, large, after)
        results = await asyncio.gather(first, *small, large, after, return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 3 + [InboxFull, type(None)]
    assert names_in(path) == ["first", "a", "b", "c"]
    assert counters(path) == {"small": 1}


async def test_a_request_that_the_inbox_cannot_hold_fails_alone(path: Path) -> None:
    impossible = Request(Signal.LOGS, "open", 2**63, b"")  # beyond SQLite's integers
    async with opened(path) as commits:
        with write_lock_held(path):
            asks = [request("a"), impossible, request("b")]
            waiting = [asyncio.create_task(commits.commit(ask)) for ask in asks]
            await begun(*waiting)
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), OverflowError, type(None)]
    assert names_in(path) == ["a", "b"]


async def test_when_too_much_waits_more_is_refused_at_once(path: Path) -> None:
    commits = GroupCommit(path, waiting_max_bytes=3 * WAITER_BYTES)
    with write_lock_held(path):
        waiting = [asyncio.create_task(commits.commit(request(n, 1000))) for n in ("a", "b")]
        await begun(*waiting)
        with pytest.raises(InboxFull, match="already wait for the disk"):
            await commits.commit(request("c", 1000))
    await asyncio.gather(*waiting)
    await commits.commit(request("d", 1000))
    await commits.close()
    assert names_in(path) == ["a", "b", "d"]


async def test_a_full_disk_is_told_to_each_and_forgotten_when_there_is_space(path: Path) -> None:
    async with opened(path) as commits:
        with disk_full_beyond(100_000):
            asks = [commits.commit(request(str(n), MIB), {"accepted": 1}) for n in range(5)]
            results = await asyncio.gather(*asks, return_exceptions=True)
        assert [type(result) for result in results] == [InboxFull] * 5
        await commits.commit(request("after", MIB), {"accepted": 1})
    assert names_in(path) == ["after"]
    assert counters(path) == {"accepted": 1}


async def test_a_lock_held_too_long_is_told_to_each_and_harms_nothing_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.inbox_file.BUSY_TIMEOUT_MS", 50)
    async with opened(path) as commits:
        with write_lock_held(path):
            asks = [commits.commit(request(str(n))) for n in range(5)]
            results = await asyncio.gather(*asks, return_exceptions=True)
        assert [type(result) for result in results] == [InboxBusy] * 5
        await commits.commit(request("after"))
    assert names_in(path) == ["after"]


async def test_a_cancelled_caller_harms_none_of_the_others(path: Path) -> None:
    async with opened(path) as commits:
        with write_lock_held(path):
            waiting = [asyncio.create_task(commits.commit(request(n))) for n in ("a", "b", "c")]
            await begun(*waiting)
            waiting[1].cancel()
            await asyncio.wait([waiting[1]])
        await asyncio.gather(waiting[0], waiting[2])
        await commits.commit(request("d"))
    assert set(names_in(path)) >= {"a", "c", "d"}


async def test_the_bytes_of_cancelled_callers_are_given_back(path: Path) -> None:
    commits = GroupCommit(path, waiting_max_bytes=2 * (WAITER_BYTES + 1000))
    for _ in range(5):
        with write_lock_held(path):
            waiting = asyncio.create_task(commits.commit(request("cancelled", 1000)))
            await begun(waiting)
            waiting.cancel()
            await asyncio.wait([waiting])
        await commits.commit(request("a", 1000))
    await commits.close()
    assert names_in(path).count("a") == 5


async def test_counts_reach_the_disk_without_a_request(path: Path) -> None:
    async with opened(path) as commits:
        commits.count({"refused": 1})
        commits.count({"refused": 2, "masked": 1})
        await until(lambda: counters(path) == {"refused": 3, "masked": 1})


async def test_counts_survive_an_append_that_failed(path: Path) -> None:
    async with opened(path, max_bytes=MIB) as commits:
        commits.count({"refused": 1})
        with pytest.raises(InboxFull):
            await commits.commit(request("too large", 2 * MIB), {"accepted": 1})
    assert counters(path) == {"refused": 1}


async def test_closing_commits_what_waits_and_takes_no_more(path: Path) -> None:
    commits = GroupCommit(path)
    waiting = [asyncio.create_task(commits.commit(request(str(n)))) for n in range(200)]
    await begun()
    commits.count({"refused": 1})
    await commits.close()
    await asyncio.gather(*waiting)
    with pytest.raises(InboxBusy, match="stopping"):
        await commits.commit(request("late"))
    await commits.close()
    assert len(names_in(path)) == 200
    assert counters(path) == {"refused": 1}


async def test_closing_is_bounded_and_what_was_not_written_is_not_acknowledged(
    path: Path, recording: type[RecordingInbox]
) -> None:
    commits = GroupCommit(path)
    with write_lock_held(path):
        first = asyncio.create_task(commits.commit(request("first")))
        await until(recording.begun.is_set)
        second = asyncio.create_task(commits.commit(request("second")))
        await begun(second)
        await commits.close(timeout_s=0.1)
        with pytest.raises(InboxBusy, match="send it again"):
            await second
        assert not first.done()
    await first
    await commits.close()
    assert names_in(path) == ["first"]


async def test_a_damaged_file_is_told_when_it_is_opened(path: Path) -> None:
    path.write_text("no inbox")
    with pytest.raises(InboxCorrupt):
        GroupCommit(path)


async def test_a_file_that_is_removed_meanwhile_is_told_to_each(path: Path) -> None:
    async with opened(path) as commits:
        path.unlink()
        asks = [commits.commit(request(str(n))) for n in range(5)]
        results = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(result) for result in results] == [InboxCorrupt] * 5

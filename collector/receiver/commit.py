"""The doors' way into the inbox: requests that wait together share one commit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanscore.collector.inbox import (
    DEFAULT_MAX_BYTES,
    Inbox,
    InboxBusy,
    InboxCorrupt,
    InboxFull,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

GROUP_REQUESTS = 64
GROUP_BYTES = 16 * 1024**2
WAITING_BYTES = 128 * 1024**2
# What a waiting request takes beside its body, so that many empty ones are bounded too.
WAITER_BYTES = 2048
FLUSH_S = 0.5
_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Waiter:
    request: Request
    counts: Mapping[str, int]
    done: asyncio.Future[None]

    @property
    def size_bytes(self) -> int:
        return len(self.request.body) + WAITER_BYTES


class GroupCommit:
    """Appends requests to the inbox for an event loop, many in a transaction.

    Made, used and closed on one running event loop, which never waits for the disk: a thread owns
    the inbox. Making it raises what `Inbox` raises.
    """

    def __init__(
        self,
        inbox_path: Path,
        max_bytes: int = DEFAULT_MAX_BYTES,
        *,
        waiting_max_bytes: int = WAITING_BYTES,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(inbox_path, max_bytes=max_bytes)
        self._waiting_max_bytes = waiting_max_bytes
        self._waiting_bytes = 0
        self._queue: queue.SimpleQueue[_Waiter | None] = queue.SimpleQueue()
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()
        self._closing = False
        self._closed = asyncio.Event()
        threading.Thread(target=self._run, name="group-commit", daemon=True).start()

    @property
    def identity(self) -> str:
        """The inbox's: positions in it mean something only together with it."""
        return self._inbox.identity

    async def commit(self, request: Request, counts: Mapping[str, int] = _NO_COUNTS) -> None:
        """Return when `request` is on the disk and `counts` are added to the counters.

        Raises what `Inbox.append` raises, and then neither has happened; `InboxFull` at once if
        more than `waiting_max_bytes` would wait, `InboxBusy` once closing has begun. A caller that
        is cancelled does not know: its request may still be appended.
        """
        if self._closing:
            raise InboxBusy("the collector is stopping; send it again later")
        waiter = _Waiter(request, counts, self._loop.create_future())
        if self._waiting_bytes + waiter.size_bytes > self._waiting_max_bytes:
            raise InboxFull(
                f"{self._waiting_bytes:,} bytes already wait for the disk; send it again later"
            )
        self._waiting_bytes += waiter.size_bytes
        self._queue.put(waiter)
        await waiter.done

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters with the next commit, or within about a second."""
        with self._counts_lock:
            self._counts.update(counts)

    async def close(self, timeout_s: float = 10.0) -> None:
        """Take no more, commit what waits, and close the inbox.

        What is not being written after `timeout_s` fails with `InboxBusy`; calling it again waits
        again for the rest.
        """
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        try:
            await asyncio.wait_for(self._closed.wait(), timeout_s)
        except TimeoutError:
            self._give_up()

    def _give_up(self) -> None:
        waiters = []
        with suppress(queue.Empty):
            while True:
                waiter = self._queue.get_nowait()
                if waiter is not None:
                    waiters.append(waiter)
        self._queue.put(None)
        error = InboxBusy("the collector stopped before the disk took this; send it again later")
        self._wake(waiters, [error] * len(waiters))

    def _wake(self, waiters: Sequence[_Waiter], errors: Sequence[Exception | None]) -> None:
        for waiter, error in zip(waiters, errors, strict=True):
            self._waiting_bytes -= waiter.size_bytes
            if waiter.done.done():  # cancelled
                continue
            if error is None:
                waiter.done.set_result(None)
            else:
                waiter.done.set_exception(error)

    # What follows runs on the thread.

    def _run(self) -> None:
        ends = False
        while not ends:
            group, ends = self._next_group()
            errors = self._append(group)
            if group:
                self._on_loop(self._wake, group, errors)
        self._inbox.close()
        self._on_loop(self._closed.set)

    def _on_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _next_group(self) -> tuple[list[_Waiter], bool]:
        """What waits, as far as one transaction takes it; and whether nothing will follow."""
        group: list[_Waiter] = []
        group_bytes = 0
        with suppress(queue.Empty):
            waiter = self._queue.get(timeout=FLUSH_S)
            while waiter is not None:
                group.append(waiter)
                group_bytes += len(waiter.request.body)
                if len(group) >= GROUP_REQUESTS or group_bytes >= GROUP_BYTES:
                    return group, False
                waiter = self._queue.get_nowait()
            return group, True
        return group, False

    def _append(self, group: Sequence[_Waiter]) -> list[Exception | None]:
        """Commit the group and the counters; what went wrong, for each of the group."""
        with self._counts_lock:
            counts, self._counts = self._counts, Counter()
        error = self._append_together(group, counts)
        if error is None:
            return [None] * len(group)
        self.count(counts)
        if len(group) < 2 or isinstance(error, InboxBusy | InboxCorrupt):
            return [error] * len(group)
        return self._append_singly(group)

    def _append_singly(self, group: Sequence[_Waiter]) -> list[Exception | None]:
        """One too many or too large fails alone; the others still have their chance."""
        errors: list[Exception | None] = []
        for waiter in group:
            error = self._append_together([waiter], {})
            if isinstance(error, InboxBusy):  # it would be for each of them, and take long
                return errors + [error] * (len(group) - len(errors))
            errors.append(error)
        return errors

    def _append_together(
        self, group: Sequence[_Waiter], counts: Mapping[str, int]
    ) -> Exception | None:
        total = Counter(counts)
        for waiter in group:
            total.update(waiter.counts)
        try:
            self._inbox.append([waiter.request for waiter in group], total)
        except Exception as error:  # noqa: BLE001 - whatever it is, its waiters must hear of it
            return error
        return None

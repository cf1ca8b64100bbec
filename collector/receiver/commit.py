"""The doors' way into the inbox: requests that wait together share one commit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanscore.collector.inbox import (
    DEFAULT_MAX_BYTES,
    Inbox,
    InboxBusy,
    InboxFull,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GROUP_REQUESTS = 64
GROUP_BYTES = 16 * 1024**2
WAITING_BYTES = 128 * 1024**2
FLUSH_S = 1.0
_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: Request
    counts: Mapping[str, int]
    done: asyncio.Future[None]


class GroupCommit:
    """Appends requests to the inbox from an event loop, many to a transaction.

    Made, used and closed on one running event loop; a thread of its own owns the inbox, so
    that the loop never waits for the disk. Opening raises what `Inbox` raises.
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
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()
        self._closing = False
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    async def commit(self, request: Request, counts: Mapping[str, int] = _NO_COUNTS) -> None:
        """Return when `request` is on the disk and `counts` are added to the counters.

        Raises what `Inbox.append` raises, and then neither has happened; `InboxFull` at once when
        more than `waiting_max_bytes` would wait. A caller that is cancelled does not know: its
        request may still be appended.
        """
        if self._closing:
            raise InboxBusy("the collector is stopping; send it again")
        size = len(request.body)
        if self._waiting_bytes + size > self._waiting_max_bytes:
            raise InboxFull(
                f"{self._waiting_bytes:,} bytes are waiting for the disk; send it again later"
            )
        self._waiting_bytes += size
        waiting = _Waiting(request, counts, self._loop.create_future())
        self._queue.put(waiting)
        await waiting.done

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters with the next commit, or within about a second."""
        with self._counts_lock:
            self._counts.update(counts)

    async def close(self, timeout_s: float = 10.0) -> None:
        """Take no more, commit what waits, and close the inbox.

        What is not on the disk after `timeout_s` fails with `InboxBusy`: it was not acknowledged.
        """
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        try:
            await asyncio.wait_for(self._closed.wait(), timeout_s)
        except TimeoutError:
            self._abandon()

    def _abandon(self) -> None:
        left = []
        while True:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is not None:
                left.append(waiting)
        self._queue.put(None)
        self._settle(left, {}, InboxBusy("the collector stopped before the disk took this"))

    def _settle(
        self,
        group: list[_Waiting],
        failed: Mapping[int, Exception],
        error: Exception | None = None,
    ) -> None:
        """On the loop: wake those who wait; `failed` by their place in the group."""
        for place, waiting in enumerate(group):
            self._waiting_bytes -= len(waiting.request.body)
            if waiting.done.done():  # cancelled
                continue
            reason = failed.get(place, error)
            if reason is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(reason)

    # What follows runs on the thread.

    def _run(self) -> None:
        ends = False
        while not ends:
            group, ends = self._next_group()
            failed = self._append(group)
            if group:
                self._loop.call_soon_threadsafe(self._settle, group, failed)
        self._inbox.close()
        self._loop.call_soon_threadsafe(self._closed.set)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """What waits now, within the bounds of a transaction; True: nothing will follow."""
        group: list[_Waiting] = []
        size = 0
        try:
            waiting = self._queue.get(timeout=FLUSH_S)
            while waiting is not None:
                group.append(waiting)
                size += len(waiting.request.body)
                if len(group) >= GROUP_REQUESTS or size >= GROUP_BYTES:
                    return group, False
                waiting = self._queue.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _append(self, group: list[_Waiting]) -> dict[int, Exception]:
        """Commit `group` and the counters; the errors of what could not be, by its place."""
        with self._counts_lock:
            counts, self._counts = self._counts, Counter()
        try:
            self._append_together(group, counts)
        except Exception as error:  # noqa: BLE001 - each waiter must hear of its failure
            with self._counts_lock:
                self._counts.update(counts)
            if isinstance(error, InboxFull) and len(group) > 1:
                return self._append_singly(group)
            return dict.fromkeys(range(len(group)), error)
        return {}

    def _append_together(self, group: list[_Waiting], counts: Counter[str]) -> None:
        total = counts.copy()
        for waiting in group:
            total.update(waiting.counts)
        self._inbox.append([waiting.request for waiting in group], total)

    def _append_singly(self, group: list[_Waiting]) -> dict[int, Exception]:
        """The group was too large: what is smaller may still find room."""
        failed: dict[int, Exception] = {}
        for place, waiting in enumerate(group):
            try:
                self._append_together([waiting], Counter())
            except Exception as error:  # noqa: BLE001 - each waiter must hear of its failure
                failed[place] = error
        return failed

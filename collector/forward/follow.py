"""Follows the inbox for one destination, and the store where it has fallen too far behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from spanscore.collector.client import ClientError
from spanscore.collector.inbox import Entry, Inbox, InboxError, Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.query_error import QueryError

from .history import CHUNK_ROWS, Window
from .ledger import Cut, Ledger, LedgerError
from .parts import Part

if TYPE_CHECKING:
    from .delivery import Delivery
    from .destination import Destination
    from .history import History
    from .marker import Marker
    from .progress import Progress
    from .shape import Shaper

MAX_REQUESTS = 256
MAX_BYTES = 8 << 20
"""What is read, shaped and sent together; a second such chunk is prepared meanwhile."""

POLL_S = 0.1
RETRY_S = 2.0
T = TypeVar("T")
LAG_CHECK_S = 1.0
KEEP_PLACE_S = 1.0
"""How often the place in the inbox is written while much comes: each time takes the write lock, and
a sync of the disk, from those who send. What came since is sent again after a kill."""


class Follower:
    """One destination's way through all that came in, in order, each position at least once.

    A position is passed when all of it was taken or refused for good. While the reader of the inbox
    is registered, that is the cursor; once it has been cut off, the ledger's `cut` is, until the
    store has been read up to where the inbox goes on without a gap. Without a store (`has_store`)
    it is never cut off: the inbox keeps all, and is full some time.
    """

    def __init__(
        self,
        destination: Destination,
        inbox: Inbox,
        ledger: Ledger,
        ledger_lock: asyncio.Lock,
        *,
        shaper: Shaper,
        delivery: Delivery,
        progress: Progress,
        marker: Marker,
        history: History,
        max_lag_bytes: int,
        has_store: bool,
        stop: asyncio.Event,
    ) -> None:
        self._to = destination
        self._inbox = inbox
        self._inbox_lock = asyncio.Lock()
        self._ledger = ledger
        self._ledger_lock = ledger_lock
        self._shaper = shaper
        self._delivery = delivery
        self._progress = progress
        self._marker = marker
        self._history = history
        self._max_lag_bytes = max_lag_bytes
        self._has_store = has_store
        self._stop = stop
        self._cut: Cut | None = None
        self._position: int | None = None
        self._kept_position: int | None = None
        self._has_left = False
        self._keep_due_s = 0.0
        self._held_from: int | None = None

    async def run(self) -> None:
        """Forward until `stop` is set; faults of our own files are said and waited out."""
        watching = asyncio.create_task(self._watch_lag())
        try:
            while not self._stop.is_set():
                try:
                    await self._start()
                    await self._follow()
                except (InboxError, LedgerError, ClientError, QueryError) as error:
                    self._progress.trouble(str(error))
                    await self._pause(RETRY_S)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            with contextlib.suppress(InboxError, LedgerError):
                await self._keep_place()

    @property
    def may_drain(self) -> bool:
        """Whether something is left that goes on being taken."""
        return self._cut is None and self._progress.status.state == "sending"

    async def _start(self) -> None:
        async with self._ledger_lock:
            self._cut = await asyncio.to_thread(self._ledger.cut, self._to.title)
        self._held_from = None
        if self._cut is None:
            self._position = await self._on_inbox(self._inbox.register, self._to.reader)
            self._kept_position = self._position
        else:
            await self._on_inbox(self._inbox.forget, self._to.reader)

    async def _follow(self) -> None:
        while not self._stop.is_set():
            if self._cut is None:
                await self._through_inbox()
            else:
                await self._through_store(self._cut)

    async def _through_inbox(self) -> None:
        """Send what the inbox keeps, preparing the next chunk while one is sent."""
        self._progress.status.source = "inbox"
        after = self._position or 0
        following = asyncio.create_task(self._prepare(after))
        try:
            while not self._stop.is_set():
                entries, parts = await following
                if not entries:
                    if self._cut is not None:
                        return
                    # Nothing is in a hurry now: what all have passed is deleted, too.
                    await self._keep_place(deletes=True)
                    self._progress.enter("waiting")
                    await self._wait_for_more()
                    following = asyncio.create_task(self._prepare(after))
                    continue
                after = entries[-1].position
                following = asyncio.create_task(self._prepare(after))
                if not await self._delivery.deliver(parts):
                    return
                await self._passed(after)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _prepare(self, after: int) -> tuple[Sequence[Entry], list[Part]]:
        """The next chunk of the inbox; nothing once the reader has been cut off."""
        async with self._inbox_lock:
            if self._cut is not None:
                return [], []
            entries = await asyncio.to_thread(self._read, after)
        requests = [entry.request for entry in entries]
        return entries, await asyncio.to_thread(self._shaper.shape, requests)

    def _read(self, after: int) -> Sequence[Entry]:
        entries = self._inbox.read(
            self._to.reader, after=after, max_requests=MAX_REQUESTS, max_bytes=MAX_BYTES
        )
        if entries:
            self._marker.refresh()
        return entries

    async def _wait_for_more(self) -> None:
        while not self._stop.is_set() and self._cut is None:
            if await self._on_inbox(self._inbox.changed):
                return
            await self._pause(POLL_S)

    async def _passed(self, position: int) -> None:
        """All up to `position` is done with; on the disk, or soon (KEEP_PLACE_S)."""
        self._position = self._progress.status.last_position = position
        if self._cut is not None or time.monotonic() >= self._keep_due_s:
            await self._keep_place()

    async def _keep_place(self, *, deletes: bool = False) -> None:
        """Have the place on the disk; without `deletes` the loader deletes what all have passed.

        But there may be none (--no-db), or the inbox may be so full that it has nothing to load:
        what was left is deleted once there is time.
        """
        position = self._position
        if position is None or (
            position == self._kept_position and not (deletes and self._has_left)
        ):
            return
        self._keep_due_s = time.monotonic() + KEEP_PLACE_S
        async with self._inbox_lock:
            if self._cut is None:
                await asyncio.to_thread(
                    self._inbox.advance, self._to.reader, position, deletes=deletes
                )
                self._kept_position, self._has_left = position, not deletes
                return
        await self._write_cut(Cut(self._cut.inbox, position))
        self._kept_position = position

    async def _watch_lag(self) -> None:
        """Let the inbox go once it keeps more than the bound for this destination."""
        while not self._stop.is_set():
            await self._pause(LAG_CHECK_S)
            try:
                await self._check_lag()
            except (InboxError, LedgerError) as error:
                self._progress.trouble(str(error))

    async def _check_lag(self) -> None:
        keeps = self._held_from is not None or (self._cut is None and self._position is not None)
        if not keeps:
            return
        depth = await self._on_inbox(self._inbox.depth, self._to.reader)
        if depth.bytes > self._max_lag_bytes and self._cut is None:
            await self._keep_place()  # what was sent in the last second is no lag
            depth = await self._on_inbox(self._inbox.depth, self._to.reader)
        if not self._has_store:
            self._progress.fills_inbox(depth.bytes > self._max_lag_bytes // 2)
            return
        if depth.bytes <= self._max_lag_bytes:
            return
        # The ledger first: a kill in between leaves a reader that keeps too much, not too little.
        async with self._inbox_lock:
            if self._cut is None:
                await self._write_cut(Cut(self._inbox.identity, self._position or 0))
            self._held_from = None
            await asyncio.to_thread(self._inbox.forget, self._to.reader)
        self._progress.status.source = "store"
        self._progress.trouble(
            f"it is {depth.bytes / 1e6:,.0f} MB behind, more than --forward-lag; "
            "it goes on from the store"
        )

    async def _through_store(self, cut: Cut) -> None:
        """Send what the store has, until the inbox goes on where that ends."""
        self._progress.status.source = "store"
        await self._on_inbox(self._marker.refresh)
        if self._held_from is not None and cut.position >= self._held_from:
            await self._return_to_inbox(cut)
            return
        windows = await asyncio.to_thread(self._history.windows, cut.inbox, cut.position)
        is_near = sum(window.rows for window in windows) < CHUNK_ROWS
        if self._held_from is None and is_near and cut.inbox == self._inbox.identity:
            # From here on the inbox keeps what comes, so that no gap is left.
            self._held_from = await self._on_inbox(self._inbox.register, self._to.reader)
        if windows:
            if await self._send_stored(windows):
                await self._passed(windows[-1].last_position)
        elif cut.inbox != self._inbox.identity:
            await self._write_cut(Cut(self._inbox.identity, 0))
        else:
            await self._pause(POLL_S)

    async def _send_stored(self, windows: Sequence[Window]) -> bool:
        """Send the rows of some windows, fetching the next while some are sent."""
        from_ns = min(window.from_ns for window in windows)
        to_ns = max(window.to_ns for window in windows)
        requests = self._history.requests(from_ns, to_ns, list(Signal))
        following = asyncio.create_task(asyncio.to_thread(self._take, requests))
        try:
            while parts := await following:
                following = asyncio.create_task(asyncio.to_thread(self._take, requests))
                if not await self._delivery.deliver([part for part in parts if part]):
                    return False
        finally:
            await asyncio.gather(following, return_exceptions=True)
        return True

    def _take(self, requests: Iterator[tuple[Request, int]]) -> list[Part | None]:
        """The next requests, shaped; empty at the end (None stands for what is filtered out)."""
        taken: list[Request] = []
        size_bytes = 0
        for request, _ in requests:
            taken.append(request)
            size_bytes += len(request.body)
            if size_bytes > MAX_BYTES or len(taken) == MAX_REQUESTS:
                break
        return [*self._shaper.shape(taken), None] if taken else []

    async def _return_to_inbox(self, cut: Cut) -> None:
        await self._on_inbox(self._inbox.advance, self._to.reader, cut.position)
        await self._write_cut(None)
        self._position = self._kept_position = cut.position
        self._held_from = None

    async def _write_cut(self, cut: Cut | None) -> None:
        async with self._ledger_lock:
            await asyncio.to_thread(self._ledger.set_cut, self._to.title, cut)
        self._cut = cut

    async def _on_inbox(self, call: Callable[..., T], *arguments: object) -> T:
        """One call at a time: an Inbox is used by one thread at a time."""
        async with self._inbox_lock:
            return await asyncio.to_thread(call, *arguments)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

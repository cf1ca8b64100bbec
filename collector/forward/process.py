"""The forwarders' process: every destination followed on one event loop, each by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

from spanscore.collector.child import NotStarted, told_to_stop
from spanscore.collector.client import query_over_http
from spanscore.collector.config import Settings, beside, reachable
from spanscore.collector.inbox import Inbox, InboxError
from spanscore.collector.keys import KeyFileError, read_token
from spanscore.collector.store.query import QueryResult

from .cursors import lag_bytes
from .delivery import Delivery, Sender
from .destination import Destination
from .follow import Follower
from .grpc_sender import GrpcSender
from .history import History
from .http_sender import TIMEOUT_S, HttpSender
from .ledger import Ledger, LedgerError
from .marker import Marker
from .progress import Progress
from .shape import Shaper

NICENESS = 10
"""Acknowledgements come first: on a busy machine forwarding waits, not those who send."""

DRAIN_S = 5.0
"""After SIGTERM, so long what is left is sent, as long as destinations take it."""

_END_S = 1.0
_PARENT_POLL_S = 1.0
_STATUS_S = 1.0


def run(settings: Settings, report: Connection) -> None:
    """Forward until SIGTERM or the parent's end; sends one True, or NotStarted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    asyncio.run(_run(settings, report))


async def _run(settings: Settings, report: Connection) -> None:
    with told_to_stop(signal.SIGTERM) as stopping:
        with report:
            try:
                forwarding = Forwarding(settings)
            except (InboxError, LedgerError, KeyFileError, OSError, ValueError) as error:
                report.send(NotStarted(str(error)))
                return
            report.send(True)
        try:
            await forwarding.run(stopping)
        finally:
            await forwarding.close()


class Forwarding:
    """All destinations of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._stop = asyncio.Event()
        self._ledger = Ledger(beside(settings.db, "forward"))
        self._lock = asyncio.Lock()
        self._inboxes: list[Inbox] = []
        self._senders: list[Sender] = []
        self._progress: list[Progress] = []
        self._followers = [self._follower(settings, to) for to in settings.forward]

    def _follower(self, settings: Settings, to: Destination) -> Follower:
        inbox = Inbox(settings.inbox, max_bytes=settings.inbox_max)
        self._inboxes.append(inbox)
        marker = Marker(inbox)
        sender = make_sender(to, marker.headers)
        self._senders.append(sender)
        status = self._ledger.status(to.title)
        status.url, status.profile, status.protocol = to.url, to.profile, to.spoken
        progress = Progress(status, self._ledger, self._lock)
        self._progress.append(progress)
        page_url = f"http://{reachable(settings.web)}"
        token = read_token(settings.db)

        def ask(sql: str) -> QueryResult:
            return query_over_http(page_url, token, sql)

        return Follower(
            to,
            inbox,
            self._ledger,
            self._lock,
            shaper=Shaper(to, page_url),
            delivery=Delivery(to, sender, progress, self._stop),
            progress=progress,
            marker=marker,
            history=History(ask),
            max_lag_bytes=lag_bytes(settings),
            has_store=not settings.no_db,
            stop=self._stop,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Forward until `stopping` is set or the parent is gone; then send what still goes."""
        tasks = [asyncio.create_task(follower.run()) for follower in self._followers]
        tasks.append(asyncio.create_task(self._keep_status()))
        parent = os.getppid()
        while not stopping.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _PARENT_POLL_S)
            _raise_defects(tasks)
        deadline_s = asyncio.get_running_loop().time() + DRAIN_S
        while self._may_drain() and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(0.05)
        self._stop.set()
        await asyncio.wait(tasks, timeout=_END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_drain(self) -> bool:
        return any(follower.may_drain for follower in self._followers)

    async def _keep_status(self) -> None:
        while True:
            for progress in self._progress:
                with contextlib.suppress(LedgerError):
                    await progress.write()
            if self._stop.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _STATUS_S)

    async def close(self) -> None:
        """End all connections and close the files."""
        for sender in self._senders:
            await sender.close()
        for inbox in self._inboxes:
            inbox.close()
        self._ledger.close()


def _raise_defects(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Only a defect ends a follower: the process ends with it, and the service starts it anew."""
    for task in tasks:
        if task.done():
            task.result()


def make_sender(to: Destination, marker: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Sender:
    """The connections to a destination, by its protocol."""
    kind = GrpcSender if to.spoken == "grpc" else HttpSender
    return kind(to, marker, timeout_s)

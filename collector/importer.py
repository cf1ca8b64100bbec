"""`spanscore import`: a third door beside gRPC and HTTP, through which files come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .export.mark import MarkError, read_json, split_protobuf
from .inbox import InboxBusy, InboxFull, Request
from .inbox_salvage import salvage
from .otlp_files import FileError, Found, requests_in
from .receiver.accept import Acceptor, Received
from .receiver.commit import GroupCommit
from .receiver.limits import Lease
from .receiver.options import ReceiverOptions
from .receiver.server import make_acceptor
from .receiver.status import Refusal

ORIGIN = "import"

AT_ONCE = 16
"""Requests on their way into the inbox at a time: they share a commit."""

ROOM_TRIES = 600
ROOM_WAIT_S = 0.5
"""How often, and after how long, a full inbox is tried again."""

_INBOX_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Bad:
    """What could not be imported: the file, the byte offset of the request in it, and why."""

    file: Path
    offset_bytes: int
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did; `rejected` counts spans that were left out of accepted requests.

    `oldest_ns` is the earliest receive time that went in.
    """

    files: int = 0
    requests: int = 0
    rejected: int = 0
    oldest_ns: int = field(default_factory=time.time_ns)
    bad: list[Bad] = field(default_factory=list)


async def import_files(
    files: list[Path],
    options: ReceiverOptions,
    *,
    progressed: Callable[[int], None],
    make_room: Callable[[], None],
) -> Report:
    """Put every request of `files` into the inbox, durably; the loader takes it from there.

    They are validated and masked as at the other doors and get the origin `import`; what
    `spanscore export` wrote keeps the origin and the receive time that it is marked with. A second
    import changes nothing. What is bad is reported, the rest goes in. `progressed` is told how
    many bytes of all files are done, `make_room` is called when the inbox is full, before the next
    try. Raises InboxError when no room comes.
    """
    commits = GroupCommit(options.inbox, options.inbox_max_bytes)
    acceptor = make_acceptor(options, commits)
    door = _Door(acceptor, commits, options, make_room)
    done_bytes = 0
    try:
        for file in files:
            async for offset_bytes in door.take(file):
                progressed(done_bytes + offset_bytes)
            done_bytes += file.stat().st_size
            progressed(done_bytes)
    finally:
        acceptor.close()
        await commits.close()
    return door.report


class _Door:
    def __init__(
        self,
        acceptor: Acceptor,
        commits: GroupCommit,
        options: ReceiverOptions,
        make_room: Callable[[], None],
    ) -> None:
        self.report = Report()
        self._acceptor = acceptor
        self._commits = commits
        self._options = options
        self._make_room = make_room
        self._making_room = asyncio.Lock()

    async def take(self, file: Path) -> AsyncIterator[int]:
        """Import one file; yields how many of its bytes are read."""
        self.report.files += 1
        with file.open("rb") as opened:
            is_inbox = opened.read(len(_INBOX_MAGIC)) == _INBOX_MAGIC
        if is_inbox:
            await self._take_inbox(file)
            return
        found = requests_in(file, self._options.max_request_bytes)
        while group := self._next_group(file, found):
            await asyncio.gather(*(self._accept(file, request) for request in group))
            yield group[-1].read_bytes

    def _next_group(self, file: Path, found: Iterator[Found]) -> list[Found]:
        group: list[Found] = []
        try:
            for request in found:
                group.append(request)
                if len(group) == AT_ONCE:
                    break
        except FileError as error:
            self.report.bad.append(Bad(file, error.offset_bytes, str(error)))
        return group

    async def _accept(self, file: Path, found: Found) -> None:
        try:
            received = _received(found)
            response = await self._with_room(partial(self._accept_once, received))
        except (Refusal, MarkError) as refusal:
            self.report.bad.append(Bad(file, found.offset_bytes, str(refusal)))
            return
        self.report.requests += 1
        self.report.rejected += response
        self.report.oldest_ns = min(self.report.oldest_ns, received.received_ns or time.time_ns())

    async def _accept_once(self, received: Received) -> int:
        with Lease(self._acceptor.allowances[received.origin]) as lease:
            response = await self._acceptor.accept(received, lease)
        partly = response.partial_success  # type: ignore[attr-defined]  # each response has it
        return sum(value for _, value in partly.ListFields() if isinstance(value, int))

    async def _take_inbox(self, file: Path) -> None:
        """What is whole in an inbox that was moved aside keeps the origin it was stamped with."""

        def tell_lost(requests: int) -> None:
            if requests:
                reason = f"{requests} requests are damaged or missing; the others went in"
                self.report.bad.append(Bad(file, 0, reason))

        for entry in salvage(file, tell_lost):
            await self._with_room(partial(self._commit, entry.request))
            self.report.requests += 1

    async def _commit(self, request: Request) -> int:
        await self._commits.commit(request)
        return 0

    async def _with_room(self, attempt: Callable[[], Awaitable[int]]) -> int:
        for _ in range(ROOM_TRIES):
            try:
                return await attempt()
            except (InboxFull, InboxBusy, Refusal) as error:
                if isinstance(error, Refusal) and error.retry_after_s is None:
                    raise
                async with self._making_room:
                    await asyncio.to_thread(self._make_room)
                await asyncio.sleep(ROOM_WAIT_S)
        return await attempt()


def _received(found: Found) -> Received:
    """The request with the origin and the time of its mark, else as one that comes now."""
    body, mark = found.body, None
    if found.json and not found.gzipped:
        mark = read_json(body)
    elif not found.gzipped:
        mark, body = split_protobuf(body)
    if mark is None:
        return Received(None, ORIGIN, body, found.gzipped, found.json)
    # A clock that was ahead when it was received must not be ahead of ours.
    received_ns = min(mark.received_ns, time.time_ns())
    return Received(mark.signal, mark.origin, body, found.gzipped, found.json, received_ns)

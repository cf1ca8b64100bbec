"""Brings requests to one destination: tries again, splits, and keeps what is refused for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from spanscore.collector.signals import Signal

from .answer import Answer, Verdict
from .ledger import Rejection
from .pace import Pace
from .parts import FIELDS, Part, halves

if TYPE_CHECKING:
    from .destination import Destination

AT_ONCE = 6
"""Requests on their way to a destination at a time."""

MAX_SPLITS = 32
"""How often one request is halved to find what spoils it; what is left is refused as it is."""


class Sender(Protocol):
    """One destination's connections (HttpSender, GrpcSender)."""

    async def send(self, signal: Signal, body: bytes) -> Answer:
        """Send one request; what came of it. Raises nothing."""

    async def close(self) -> None:
        """End the connections."""


class Book(Protocol):
    """What a delivery tells of its work (Progress)."""

    def sent(self, part: Part) -> None:
        """A request was taken."""

    def failed(self, answer: Answer, tries_again_s: float) -> None:
        """A request must be sent again, in so many seconds."""

    async def refused(self, rejections: Sequence[Rejection]) -> None:
        """Records were refused for good; durable when it returns."""


class Delivery:
    """Sends parts until each was taken or refused for good; nothing else ends it but `stop`."""

    def __init__(
        self,
        destination: Destination,
        sender: Sender,
        book: Book,
        stop: asyncio.Event,
        pace: Pace | None = None,
    ) -> None:
        self._to = destination
        self._sender = sender
        self._book = book
        self._stop = stop
        self._pace = pace or Pace()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def deliver(self, parts: Sequence[Part]) -> bool:
        """Send all parts; False when it was stopped before all of them were done with.

        Traces and logs go side by side; metrics one after the other, since a backend may take a
        point only if it is newer than the last.
        """
        metrics = [part for part in parts if part.signal is Signal.METRICS]
        others = [part for part in parts if part.signal is not Signal.METRICS]
        done = await asyncio.gather(*map(self._in_turn, others), self._one_by_one(metrics))
        return all(done)

    async def _one_by_one(self, parts: Sequence[Part]) -> bool:
        for part in parts:
            if not await self._in_turn(part):
                return False
        return True

    async def _in_turn(self, part: Part) -> bool:
        async with self._room:
            return await self._bring(part)

    async def _bring(self, part: Part) -> bool:
        """One part, and the pieces that it must be split into."""
        waiting, splits = [part], 0
        while waiting:
            piece = waiting.pop()
            if len(piece.body) > self._to.max_request_bytes:
                await self._refuse(piece, self._oversize(piece))
                continue
            send = partial(self._sender.send, piece.signal, piece.body)
            answer = await self._pace.ask(send, self._stop)
            if answer is None:
                return False
            can_split = piece.records > 1 and splits < MAX_SPLITS
            if answer.verdict is Verdict.TAKEN:
                await self._taken(piece, answer)
            elif answer.verdict in (Verdict.LATER, Verdict.WRONG_SETUP):
                self._book.failed(answer, self._pace.wait_s)
                slow = answer.slow and piece.records > 1
                waiting += reversed(halves(piece)) if slow else [piece]
            elif can_split and (answer.divisible or answer.verdict is Verdict.TOO_LARGE):
                splits += 1
                waiting += reversed(halves(piece))
            else:
                await self._refuse(piece, answer)
        return True

    async def _taken(self, piece: Part, answer: Answer) -> None:
        self._book.sent(piece)
        if answer.rejected_records:
            await self._refuse(piece, answer, answer.rejected_records)

    def _oversize(self, piece: Part) -> Answer:
        limit = self._to.max_request_bytes
        return Answer(
            Verdict.REFUSED,
            f"a record of {len(piece.body):,} bytes is above the limit of {self._to.title}, "
            f"{limit:,} bytes; it was not sent, raise max_request if the backend takes more",
            "too large",
        )

    async def _refuse(self, piece: Part, answer: Answer, records: int | None = None) -> None:
        trace_id, span_id, name = _first(piece)
        rejection = Rejection(
            at_ns=time.time_ns(),
            destination=self._to.title,
            url=self._to.url,
            signal=piece.signal.name.lower(),
            records=piece.records if records is None else records,
            trace_id=trace_id,
            span_id=span_id,
            name=name,
            code=answer.code,
            reason=answer.sentence,
        )
        await self._book.refused([rejection])


def _first(part: Part) -> tuple[str | None, str | None, str | None]:
    """Trace id, span id and name of the first record, as far as it has them."""
    message = part.signal.request_type.FromString(part.body)
    for record in _records(part.signal, message):
        trace_id = getattr(record, "trace_id", b"").hex() or None
        span_id = getattr(record, "span_id", b"").hex() or None
        name = getattr(record, "name", "") or getattr(record, "event_name", "") or None
        return trace_id, span_id, name
    return None, None, None


def _records(signal: Signal, message: Any) -> Iterator[Any]:
    fields = FIELDS[signal]
    for part in getattr(message, fields.resources):
        for scope_part in getattr(part, fields.scopes):
            yield from getattr(scope_part, fields.records)

"""Sends what the store holds to one destination once more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from spanscore.collector.config import Settings, reachable
from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.signals import Signal

from .answer import Answer, Verdict
from .delivery import Delivery
from .destination import Destination
from .history import Ask, History
from .ledger import Rejection
from .marker import Marker
from .parts import Part
from .process import make_sender
from .shape import Shaper

BATCH_BYTES = 8 << 20
BATCH_REQUESTS = 256
MAX_REJECTIONS = 20


@dataclass(slots=True)
class Replayed:
    """What a replay did so far."""

    total_rows: int = 0
    read_rows: int = 0
    sent_records: int = 0
    sent_requests: int = 0
    refused_records: int = 0
    refused_requests: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    """The first MAX_REJECTIONS of them."""


class ReplayError(Exception):
    """The destination cannot take anything; the message says what to mend."""


async def replay(
    settings: Settings,
    destination: Destination,
    ask: Ask,
    from_ns: int,
    to_ns: int,
    moved: Callable[[Replayed], None],
) -> Replayed:
    """Send all that was received in that time, as forwarding would; `moved` is told of progress.

    A backend that is down or slow is waited for. Raises ReplayError where the destination's setting
    is wrong, since nobody else would see it, and what `ask` raises.
    """
    signals = [Signal[name.upper()] for name in destination.sent_signals]
    history = History(ask)
    done = Replayed(total_rows=await asyncio.to_thread(history.count, from_ns, to_ns, signals))
    moved(done)
    stop = asyncio.Event()
    book = _Book(done, stop)
    sender = make_sender(destination, _marker(settings))
    delivery = Delivery(destination, sender, book, stop)
    shaper = Shaper(destination, f"http://{reachable(settings.web)}")
    requests = history.requests(from_ns, to_ns, signals)
    try:
        while batch := await asyncio.to_thread(_take, requests):
            parts = await asyncio.to_thread(shaper.shape, [request for request, _ in batch])
            if not await delivery.deliver(parts):
                raise ReplayError(book.wrong)
            done.read_rows += sum(rows for _, rows in batch)
            moved(done)
    finally:
        await sender.close()
    return done


def _marker(settings: Settings) -> dict[str, str]:
    if not settings.inbox.exists():
        return {}
    with Inbox(settings.inbox) as inbox:
        return Marker(inbox).headers


def _take(requests: Iterator[tuple[Request, int]]) -> list[tuple[Request, int]]:
    taken: list[tuple[Request, int]] = []
    size_bytes = 0
    for request, rows in requests:
        taken.append((request, rows))
        size_bytes += len(request.body)
        if size_bytes > BATCH_BYTES or len(taken) == BATCH_REQUESTS:
            break
    return taken


class _Book:
    def __init__(self, done: Replayed, stop: asyncio.Event) -> None:
        self._done = done
        self._stop = stop
        self._said = ""
        self.wrong = ""

    def sent(self, part: Part) -> None:
        self._done.sent_records += part.records
        self._done.sent_requests += 1

    def failed(self, answer: Answer, tries_again_s: float) -> None:
        if answer.verdict is Verdict.WRONG_SETUP:
            self.wrong = answer.sentence
            self._stop.set()
        elif answer.sentence != self._said:
            self._said = answer.sentence
            print(f"spanscore: {answer.sentence}; it is tried again", file=sys.stderr, flush=True)

    async def refused(self, rejections: Sequence[Rejection]) -> None:
        done = self._done
        done.refused_requests += len(rejections)
        done.refused_records += sum(rejection.records for rejection in rejections)
        done.rejections += rejections[: MAX_REJECTIONS - len(done.rejections)]

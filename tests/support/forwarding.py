"""One destination's delivery without a collector, and requests that tell each other apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from spanscore.collector.forward.answer import Answer
from spanscore.collector.forward.delivery import Delivery
from spanscore.collector.forward.destination import Destination
from spanscore.collector.forward.ledger import Rejection
from spanscore.collector.forward.pace import Pace
from spanscore.collector.forward.parts import Part
from spanscore.collector.forward.process import make_sender
from spanscore.collector.forward.shape import Shaper
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from tests.support.telemetry import span, traces_request

PAGE = "http://127.0.0.1:4319"
TIMEOUT_S = 60.0


class Book:
    """Remembers what a delivery told."""

    def __init__(self, stop: asyncio.Event, stop_at: str = "") -> None:
        self.records = 0
        self.answers: list[Answer] = []
        self.rejections: list[Rejection] = []
        self._stop = stop
        self._stop_at = stop_at

    def sent(self, part: Part) -> None:
        self.records += part.records

    def failed(self, answer: Answer, tries_again_s: float) -> None:
        self.answers.append(answer)
        if self._stop_at and answer.verdict.value == self._stop_at:
            self._stop.set()

    async def refused(self, rejections: Sequence[Rejection]) -> None:
        self.rejections += rejections


async def deliver(
    to: Destination,
    parts: Sequence[Part],
    *,
    stop_at: str = "",
    timeout_s: float = 5.0,
    marker: str = "test",
) -> Book:
    """Deliver parts, with the shortest delays that the backoff allows; what came of it."""
    stop = asyncio.Event()
    book = Book(stop, stop_at)
    sender = make_sender(to, {"spanscore-forwarded-by": marker}, timeout_s)
    delivery = Delivery(to, sender, book, stop, Pace(chance=lambda: 0.0))
    try:
        await asyncio.wait_for(delivery.deliver(parts), TIMEOUT_S)
    finally:
        await sender.close()
    return book


def spans_request(*names: str, **attributes: Any) -> Request:
    """One request with a span a name; ids follow from their place."""
    return traces_request(
        *(
            span(span_id=f"{number:016x}", name=name, **attributes)
            for number, name in enumerate(names, 1)
        )
    )


def part_of(request: Request) -> Part:
    """The request as it is sent."""
    message: Any = request.signal.request_type.FromString(request.body)
    records = sum(
        len(scope_part.spans) for part in message.resource_spans for scope_part in part.scope_spans
    )
    return Part(request.signal, request.body, records)


def shaped(to: Destination, *requests: Request) -> list[Any]:
    """What a destination gets, parsed."""
    parts = Shaper(to, PAGE).shape(requests)
    return [part.signal.request_type.FromString(part.body) for part in parts]


def shaped_spans(to: Destination, *requests: Request) -> list[Any]:
    """The spans that a destination gets."""
    return [
        span
        for message in shaped(to, *requests)
        for part in getattr(message, "resource_spans", ())
        for scope_part in part.scope_spans
        for span in scope_part.spans
    ]


def attributes_of(owner: Any) -> dict[str, Any]:
    """Plain values by key."""
    found = {}
    for attribute in owner.attributes:
        kind = attribute.value.WhichOneof("value")
        found[attribute.key] = getattr(attribute.value, kind) if kind else None
    return found


def destination(url: str = "http://127.0.0.1:1", **settings: Any) -> Destination:
    """A destination as spanscore.toml would give it."""
    return Destination.model_validate({"url": url, **settings})


__all__ = ["PAGE", "Book", "Signal", "attributes_of", "deliver", "destination", "part_of",
           "shaped", "shaped_spans", "spans_request"]  # fmt: skip

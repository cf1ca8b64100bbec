"""Answers out of a recording, by the requests' order and hash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from multidict import CIMultiDict

from .errors import SourceError
from .recording import Exchange
from .upstream import Incoming, Outgoing

Timing = Literal["recorded", "none"]

NOTHING_LEFT = "replay_exhausted"
"""`error.type` of a request for which the recording has no answer left."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A request that the recorded session did not send in this place, and what was done."""

    reason: str
    recorded_hash: str | None = None


class Replay:
    """Plays each recorded answer once.

    A request gets the first answer left that was recorded for the same method, path and body; else
    the next one left for the same method and path, which is a divergence; else none.
    """

    def __init__(self, exchanges: list[Exchange], timing: Timing) -> None:
        self._left = list(exchanges)
        self._last: dict[tuple[str, str], Exchange] = {}
        self._timing = timing

    @property
    def unplayed(self) -> int:
        """How many answers nobody asked for."""
        return len(self._left)

    def take(
        self, method: str, path: str, request_hash: str, *, is_model_call: bool
    ) -> tuple[Exchange | None, Divergence | None]:
        """The answer for a request. What is no model call may be asked for once more often."""
        same_place = [e for e in self._left if (e.method, e.path) == (method, path)]
        exchange = next((e for e in same_place if e.request_hash == request_hash), None)
        if exchange is None and not same_place:
            again = None if is_model_call else self._last.get((method, path))
            missing = Divergence(f"the recording has no answer left for {method} {path}")
            return again, None if again is not None else missing
        divergence = None
        if exchange is None:
            exchange = same_place[0]
            divergence = Divergence(
                f"the request differs from the recorded one, number {exchange.number}",
                exchange.request_hash,
            )
        self._left.remove(exchange)
        self._last[(method, path)] = exchange
        return exchange, divergence

    def source(self, exchange: Exchange | None) -> PlayedSource:
        """The recorded answer as a source."""
        return PlayedSource(exchange, is_timed=self._timing == "recorded")


class PlayedSource:
    """One recorded answer."""

    def __init__(self, exchange: Exchange | None, *, is_timed: bool) -> None:
        self._exchange = exchange
        self._is_timed = is_timed

    async def answer(self, outgoing: Outgoing) -> Incoming:
        """The answer after the recorded wait, or its absence."""
        exchange = self._exchange
        if exchange is None:
            raise SourceError(NOTHING_LEFT, "the recording has no answer left for this request")
        if self._is_timed:
            await asyncio.sleep((exchange.headers_ms if exchange.status else exchange.end_ms) / 1e3)
        if exchange.status is None:
            raise SourceError(exchange.error_type or NOTHING_LEFT, "as it was recorded")
        return _Played(exchange, exchange.status, is_timed=self._is_timed)


class _Played:
    """A recorded answer on its way."""

    def __init__(self, exchange: Exchange, status: int, *, is_timed: bool) -> None:
        self.status = status
        self.reason = exchange.reason
        self.headers = CIMultiDict(exchange.headers)
        self._exchange = exchange
        self._is_timed = is_timed

    async def chunks(self) -> AsyncIterator[bytes]:
        start_s = asyncio.get_running_loop().time() - self._exchange.headers_ms / 1e3
        for at_ms, chunk in self._exchange.chunks:
            await self._until(start_s, at_ms)
            yield chunk
        await self._until(start_s, self._exchange.end_ms)
        if self._exchange.error_type is not None:
            raise SourceError(self._exchange.error_type, "as it was recorded")

    def close(self) -> None:
        """There is no connection."""

    async def _until(self, start_s: float, at_ms: float) -> None:
        if self._is_timed:
            await asyncio.sleep(start_s + at_ms / 1e3 - asyncio.get_running_loop().time())

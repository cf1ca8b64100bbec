"""Reads an answer's bytes beside their way to the agent: it never raises and never grows."""

from __future__ import annotations

import orjson

from .decoding import MAX_BODY_BYTES, Decoder
from .faults import fault_of
from .loose import Json
from .model_api import Answer, Api
from .sse import EventParser


class AnswerReader:
    """What an answer of `api` says, while its chunks go by.

    `answer` is what is known so far; `why_not` why no more can be known. `has_begun` is true once
    an event of a streamed answer has come, pings left out.
    """

    def __init__(self, api: Api, encoding: str, *, has_events: bool) -> None:
        self.why_not: str | None = None
        self.has_begun = False
        self._reader = api.reader()
        self._decoder = Decoder(encoding)
        self._events = EventParser() if has_events else None
        self._body: list[bytes] = []
        self._body_bytes = 0

    @property
    def answer(self) -> Answer:
        return self._reader.answer

    def feed(self, chunk: bytes) -> None:
        """The next bytes, as they came."""
        if self.why_not is not None:
            return
        for piece in self._decoder.feed(chunk):
            self._take(piece)
        self.why_not = self.why_not or self._decoder.why_not

    def end(self) -> None:
        """No more bytes will come."""
        if self.why_not is not None:
            return
        if self._events is not None:
            for name, data in self._events.end():
                self._event(name, data)
        else:
            self._whole(b"".join(self._body))
            self._body.clear()

    def _take(self, piece: bytes) -> None:
        if self._events is None:
            self._body.append(piece)
            self._body_bytes += len(piece)
            if self._body_bytes > MAX_BODY_BYTES:
                self._body.clear()
                self.why_not = "too large"
            return
        for name, data in self._events.feed(piece):
            self._event(name, data)
        if self._events.is_overrun:
            self.why_not = "an event in it is too large"

    def _event(self, name: str, data: bytes) -> None:
        if data == b"[DONE]":
            self.answer.is_ended = True
            return
        found = _parsed(data)
        if isinstance(found, dict):
            self.has_begun = self.has_begun or found.get("type") != "ping"
            self._reader.event(name, found)

    def _whole(self, body: bytes) -> None:
        """One object; or an array of them, as Gemini streams without server-sent events."""
        found = _parsed(body)
        if isinstance(found, dict):
            self._reader.whole(found)
        elif isinstance(found, list) and found:
            self.answer.fault = fault_of(found)
            for item in found:
                if isinstance(item, dict):
                    self._reader.event("", item)
        else:
            self.why_not = "not JSON" if body else "empty"


def _parsed(data: bytes) -> Json | list[object] | None:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict | list) else None

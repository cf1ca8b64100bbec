"""What every model API has in common: what a request asks for, and what an answer tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .faults import Fault
from .loose import Json

MAX_TOOL_CALLS = 1000
MAX_ARGUMENT_CHARS = 8 << 20
MAX_TEXT_CHARS = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for. `instructions` is the beginning of the system prompt."""

    model: str | None
    stream: bool
    offers_tools: bool
    instructions: str
    max_tokens: int | None
    asks_usage: bool = True
    """False where the API tells the usage of a stream only if it is asked to, and was not."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave, as a request carries it. Without an id, name and arguments tell its call.

    `content` is as it came; `is_error` is None where the API does not say.
    """

    id: str | None
    content: Any
    is_error: bool | None = None
    name: str | None = None
    arguments: str | None = None


@dataclass(slots=True)
class ToolCall:
    """A call that an answer asks for. `arguments` are JSON text, in the pieces that came."""

    id: str | None = None
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    chars: int = 0

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def add(self, piece: str) -> None:
        """One more piece of the arguments; what is beyond a bound is left out."""
        if self.chars < MAX_ARGUMENT_CHARS:
            self.pieces.append(piece)
            self.chars += len(piece)


@dataclass(slots=True)
class Usage:
    """Token counts of an answer; None is what it did not tell.

    `input_tokens` includes what was read from and written to a cache, `output_tokens` reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(slots=True)
class Answer:
    """What is known of an answer so far.

    `is_ended` is true once the model has said its last: what is cut off later changes nothing.
    """

    id: str | None = None
    model: str | None = None
    finish_reasons: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    tool_calls: list[ToolCall] = field(default_factory=list)
    fault: Fault | None = None
    is_ended: bool = False
    texts: list[str] = field(default_factory=list)
    text_chars: int = 0

    def finished(self, reason: str | None) -> None:
        """The model stopped, and said why."""
        if reason:
            self.is_ended = True
            if reason not in self.finish_reasons:
                self.finish_reasons.append(reason)

    def said(self, text: str | None) -> None:
        """A piece of the answer's text; what is beyond a bound is left out."""
        if text and self.text_chars < MAX_TEXT_CHARS:
            self.texts.append(text)
            self.text_chars += len(text)

    def call(self, call: ToolCall) -> ToolCall:
        """One more tool call; what is beyond a bound is left out."""
        if len(self.tool_calls) < MAX_TOOL_CALLS:
            self.tool_calls.append(call)
        return call


class Reader(Protocol):
    """Reads one answer, event by event or whole. Nothing that it is given makes it raise."""

    answer: Answer

    def event(self, name: str, data: Json) -> None:
        """One event of a stream."""

    def whole(self, body: Json) -> None:
        """The body of an answer that is not streamed."""


class Api(Protocol):
    """One model API; each is a module of the folder apis/."""

    PATH: re.Pattern[str]
    """How the path of a call ends."""
    KEY_HEADER: str
    """The header that the key goes into when the agent sent none."""

    def asked(self, path: str, body: Json) -> Asked:
        """What the request asks for."""

    def results(self, body: Json) -> Iterable[ToolResult]:
        """The tool results that the request carries, the last first."""

    def messages(self, body: Json) -> list[Json]:
        """The conversation in the form of gen_ai.input.messages."""

    def reader(self) -> Reader:
        """A reader for the answer."""

    def error_body(self, status: int, code: str, message: str) -> Json:
        """An error of the proxy's own in the form of the API."""

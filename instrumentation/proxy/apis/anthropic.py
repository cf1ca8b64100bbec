"""Anthropic's Messages (`POST .../messages`), which Claude Code speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spanscore.instrumentation.proxy.faults import fault_of
from spanscore.instrumentation.proxy.loose import (
    Json,
    as_json,
    count,
    flag,
    mapping,
    mappings,
    plain_text,
    sequence,
    text,
)
from spanscore.instrumentation.proxy.model_api import Answer, Asked, ToolCall, ToolResult, Usage

PATH = re.compile(r"/messages/?$")
KEY_HEADER = "x-api-key"


def asked(path: str, body: Json) -> Asked:
    """What the request asks for."""
    return Asked(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        offers_tools=bool(sequence(body.get("tools"))),
        instructions=plain_text(body.get("system")),
        max_tokens=count(body.get("max_tokens")),
    )


def results(body: Json) -> Iterator[ToolResult]:
    """The tool_result blocks of the user's messages, the last first."""
    for message in reversed(mappings(body.get("messages"))):
        for block in reversed(mappings(message.get("content"))):
            if block.get("type") == "tool_result":
                failed = block.get("is_error", False)
                yield ToolResult(text(block.get("tool_use_id")), block.get("content"), flag(failed))


def messages(body: Json) -> list[Json]:
    """The conversation in the form of gen_ai.input.messages."""
    return [
        {"role": message.get("role"), "parts": _parts(message.get("content"))}
        for message in mappings(body.get("messages"))
    ]


def reader() -> Reader:
    """A reader for one message."""
    return Reader()


def error_body(status: int, code: str, message: str) -> Json:
    """An error as Anthropic's API forms it."""
    return {"type": "error", "error": {"type": code, "message": message}}


class Reader:
    """Reads a message: blocks and their deltas, or one body. Counts of usage replace earlier."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._counts: Json = {}
        self._calls: dict[int, ToolCall] = {}

    def event(self, name: str, data: Json) -> None:
        """One event; its type is in the data, or else the event's name."""
        kind = text(data.get("type")) or name
        self.answer.fault = fault_of(data) or self.answer.fault
        if kind == "message_start":
            message = mapping(data.get("message"))
            self._head(message)
            # What it says of the output is a beginning, not a count.
            usage = mapping(message.get("usage"))
            self._use({key: value for key, value in usage.items() if key != "output_tokens"})
        elif kind == "content_block_start":
            self._block(mapping(data.get("content_block")), count(data.get("index")))
        elif kind == "content_block_delta":
            self._delta(mapping(data.get("delta")), count(data.get("index")))
        elif kind == "message_delta":
            self._use(mapping(data.get("usage")))
            self.answer.finished(text(mapping(data.get("delta")).get("stop_reason")))
        elif kind == "message_stop":
            self.answer.is_ended = True

    def whole(self, body: Json) -> None:
        """The body of a message."""
        self.answer.fault = fault_of(body) or self.answer.fault
        self._head(body)
        for block in mappings(body.get("content")):
            call = self._block(block, None)
            if call is not None:
                call.add(as_json(block.get("input")))
        self._use(mapping(body.get("usage")))
        self.answer.finished(text(body.get("stop_reason")))

    def _head(self, message: Json) -> None:
        self.answer.id = text(message.get("id")) or self.answer.id
        self.answer.model = text(message.get("model")) or self.answer.model

    def _block(self, block: Json, index: int | None) -> ToolCall | None:
        self.answer.said(text(block.get("text")))
        if block.get("type") != "tool_use":
            return None
        call = self.answer.call(ToolCall(text(block.get("id")), text(block.get("name")) or ""))
        if index is not None:
            self._calls[index] = call
        return call

    def _delta(self, delta: Json, index: int | None) -> None:
        self.answer.said(text(delta.get("text")))
        call = self._calls.get(-1 if index is None else index)
        piece = text(delta.get("partial_json"))
        if call is not None and piece:
            call.add(piece)

    def _use(self, usage: Json) -> None:
        self._counts |= {key: value for key, value in usage.items() if value is not None}
        fresh = count(self._counts.get("input_tokens"))
        read = count(self._counts.get("cache_read_input_tokens"))
        written = count(self._counts.get("cache_creation_input_tokens"))
        details = mapping(self._counts.get("output_tokens_details"))
        self.answer.usage = Usage(
            input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
            output_tokens=count(self._counts.get("output_tokens")),
            cache_read_tokens=read,
            cache_creation_tokens=written,
            reasoning_tokens=count(details.get("thinking_tokens")),
        )


def _parts(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [_part(block) for block in mappings(content)]


def _part(block: Json) -> Json:
    kind = block.get("type")
    if kind == "tool_use":
        call = {"type": "tool_call", "id": block.get("id"), "name": block.get("name")}
        return {**call, "arguments": as_json(block.get("input"))}
    if kind == "tool_result":
        response = plain_text(block.get("content"))
        return {
            "type": "tool_call_response",
            "id": block.get("tool_use_id"),
            "response": response,
        }
    return {"type": kind, "content": text(block.get("text")) or ""}

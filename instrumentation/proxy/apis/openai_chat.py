"""OpenAI's Chat Completions (`POST .../chat/completions`), and all who imitate it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spanscore.instrumentation.proxy.faults import fault_of
from spanscore.instrumentation.proxy.loose import (
    Json,
    as_json,
    count,
    mapping,
    mappings,
    plain_text,
    sequence,
    text,
)
from spanscore.instrumentation.proxy.model_api import Answer, Asked, ToolCall, ToolResult, Usage

PATH = re.compile(r"/chat/completions/?$")
KEY_HEADER = "Authorization"


def asked(path: str, body: Json) -> Asked:
    """What the request asks for; a stream tells its usage only with `include_usage`."""
    stream = body.get("stream") is True
    options = mapping(body.get("stream_options"))
    system = (m for m in mappings(body.get("messages")) if m.get("role") in ("system", "developer"))
    return Asked(
        model=text(body.get("model")),
        stream=stream,
        offers_tools=bool(sequence(body.get("tools")) or sequence(body.get("functions"))),
        instructions=plain_text(next(system, {}).get("content")),
        max_tokens=count(body.get("max_completion_tokens") or body.get("max_tokens")),
        asks_usage=not stream or options.get("include_usage") is True,
    )


def results(body: Json) -> Iterator[ToolResult]:
    """The messages of the role `tool`, the last first."""
    for message in reversed(mappings(body.get("messages"))):
        if message.get("role") == "tool":
            yield ToolResult(text(message.get("tool_call_id")), message.get("content"))


def messages(body: Json) -> list[Json]:
    """The conversation in the form of gen_ai.input.messages."""
    return [
        {"role": message.get("role"), "parts": _parts(message)}
        for message in mappings(body.get("messages"))
    ]


def reader() -> Reader:
    """A reader for one completion."""
    return Reader()


def error_body(status: int, code: str, message: str) -> Json:
    """An error as OpenAI's APIs form it."""
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


class Reader:
    """Reads a completion: deltas, or one body."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._calls: dict[tuple[str, int | str], ToolCall] = {}

    def event(self, name: str, data: Json) -> None:
        """One chunk; an error may stand in the place of one."""
        self._take(data, "delta")

    def whole(self, body: Json) -> None:
        """The body of a completion."""
        self._take(body, "message")

    def _take(self, body: Json, where: str) -> None:
        answer = self.answer
        answer.fault = fault_of(body) or answer.fault
        answer.id = text(body.get("id")) or answer.id
        answer.model = text(body.get("model")) or answer.model
        for choice in mappings(body.get("choices")):
            answer.fault = fault_of(choice) or answer.fault
            message = mapping(choice.get(where))
            answer.said(text(message.get("content")))
            for place, call in enumerate(mappings(message.get("tool_calls"))):
                self._call(str(choice.get("index")), call, place)
            answer.finished(text(choice.get("finish_reason")))
        usage = mapping(body.get("usage"))
        if usage:
            answer.usage = _usage(usage)

    def _call(self, choice: str, piece: Json, place: int) -> None:
        index = piece.get("index")
        key = (choice, index if isinstance(index, int) else text(piece.get("id")) or place)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self.answer.call(ToolCall())
        function = mapping(piece.get("function")) or mapping(piece.get("custom"))
        call.id = call.id or text(piece.get("id"))
        call.name = call.name or text(function.get("name")) or ""
        call.add(text(function.get("arguments")) or text(function.get("input")) or "")


def _usage(usage: Json) -> Usage:
    """The counts; xAI alone leaves reasoning out of the completion, which its total shows."""
    read = mapping(usage.get("prompt_tokens_details"))
    written = mapping(usage.get("completion_tokens_details"))
    inward, outward = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(written.get("reasoning_tokens"))
    if reasoning and None not in (inward, outward):
        total = (inward or 0) + (outward or 0) + reasoning
        if count(usage.get("total_tokens")) == total:
            outward = (outward or 0) + reasoning
    cached = count(read.get("cached_tokens"))
    stored = count(read.get("cache_creation_tokens"))
    return Usage(
        input_tokens=inward,
        output_tokens=outward,
        cache_read_tokens=count(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        cache_creation_tokens=count(read.get("cache_write_tokens")) if stored is None else stored,
        reasoning_tokens=reasoning,
    )


def _parts(message: Json) -> list[Json]:
    content = plain_text(message.get("content"))
    if message.get("role") == "tool":
        call_id = message.get("tool_call_id")
        return [{"type": "tool_call_response", "id": call_id, "response": content}]
    parts: list[Json] = [{"type": "text", "content": content}] if content else []
    for call in mappings(message.get("tool_calls")):
        function = mapping(call.get("function"))
        arguments = function.get("arguments")
        shown = arguments if isinstance(arguments, str) else as_json(arguments)
        name = function.get("name")
        parts.append({"type": "tool_call", "id": call.get("id"), "name": name, "arguments": shown})
    return parts

"""OpenAI's Responses (`POST .../responses`), which Codex speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spanscore.instrumentation.proxy.faults import fault_of
from spanscore.instrumentation.proxy.loose import (
    Json,
    count,
    mapping,
    mappings,
    plain_text,
    sequence,
    text,
)
from spanscore.instrumentation.proxy.model_api import Answer, Asked, ToolCall, ToolResult, Usage

PATH = re.compile(r"/responses(?:/compact)?/?$")
KEY_HEADER = "Authorization"

_CALLS = ("function_call", "custom_tool_call", "local_shell_call")
_RESULTS = ("function_call_output", "custom_tool_call_output", "local_shell_call_output")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def asked(path: str, body: Json) -> Asked:
    """What the request asks for."""
    items = (i for i in mappings(body.get("input")) if i.get("role") in ("system", "developer"))
    return Asked(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        offers_tools=bool(sequence(body.get("tools"))),
        instructions=text(body.get("instructions")) or plain_text(next(items, {}).get("content")),
        max_tokens=count(body.get("max_output_tokens")),
    )


def results(body: Json) -> Iterator[ToolResult]:
    """The input items that are outputs of calls, the last first."""
    for item in reversed(mappings(body.get("input"))):
        if item.get("type") in _RESULTS:
            failed = True if item.get("status") == "failed" else None
            yield ToolResult(text(item.get("call_id")), item.get("output"), failed)


def messages(body: Json) -> list[Json]:
    """The conversation in the form of gen_ai.input.messages."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "parts": [{"type": "text", "content": given}]}]
    return [_message(item) for item in mappings(given)]


def reader() -> Reader:
    """A reader for one response."""
    return Reader()


def error_body(status: int, code: str, message: str) -> Json:
    """An error as OpenAI's APIs form it."""
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


class Reader:
    """Reads a response. Items count when they are done; the last event repeats them."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._seen: set[str] = set()

    def event(self, name: str, data: Json) -> None:
        """One event; its type is in the data, or else the event's name."""
        kind = text(data.get("type")) or name
        if kind == "error":
            self.answer.fault = fault_of({**data, "type": "error"}) or self.answer.fault
        elif kind == "response.output_item.done":
            self._item(mapping(data.get("item")))
        else:
            self._response(mapping(data.get("response")), is_last=kind in _ENDS)
            self.answer.fault = fault_of(data) or self.answer.fault

    def whole(self, body: Json) -> None:
        """The body of a response."""
        self.answer.fault = fault_of(body) or self.answer.fault
        self._response(body, is_last=True)

    def _response(self, response: Json, *, is_last: bool) -> None:
        answer = self.answer
        answer.id = text(response.get("id")) or answer.id
        answer.model = text(response.get("model")) or answer.model
        if not is_last:
            return
        answer.fault = fault_of(response) or answer.fault
        for item in mappings(response.get("output")):
            self._item(item)
        usage = mapping(response.get("usage"))
        if usage:
            answer.usage = _usage(usage)
        details = mapping(response.get("incomplete_details"))
        answer.finished(text(details.get("reason")) or text(response.get("status")))

    def _item(self, item: Json) -> None:
        kind, item_id = item.get("type"), text(item.get("id")) or text(item.get("call_id"))
        if item_id is not None:
            if item_id in self._seen:
                return
            self._seen.add(item_id)
        if kind == "message":
            self.answer.said(plain_text(item.get("content")))
        elif kind in _CALLS:
            name = text(item.get("name")) or str(kind).removesuffix("_call")
            call = self.answer.call(ToolCall(text(item.get("call_id")), name))
            call.add(_arguments(item))


def _arguments(item: Json) -> str:
    given = item.get("arguments") or item.get("input") or item.get("action")
    return plain_text(given)


def _usage(usage: Json) -> Usage:
    read = mapping(usage.get("input_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cache_read_tokens=count(read.get("cached_tokens")),
        cache_creation_tokens=count(read.get("cache_write_tokens")),
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
    )


def _message(item: Json) -> Json:
    kind = item.get("type")
    if kind in _CALLS:
        call = {"type": "tool_call", "id": item.get("call_id"), "name": item.get("name")}
        return {"role": "assistant", "parts": [{**call, "arguments": _arguments(item)}]}
    if kind in _RESULTS:
        output = plain_text(item.get("output"))
        part = {"type": "tool_call_response", "id": item.get("call_id"), "response": output}
        return {"role": "tool", "parts": [part]}
    content = plain_text(item.get("content"))
    return {"role": item.get("role"), "parts": [{"type": "text", "content": content}]}

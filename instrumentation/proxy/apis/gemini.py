"""Google's Gemini (`POST .../models/MODEL:generateContent` and `:streamGenerateContent`)."""

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

PATH = re.compile(r"/models/[^/]+:(?:g|streamG)enerateContent/?$")
KEY_HEADER = "x-goog-api-key"


def asked(path: str, body: Json) -> Asked:
    """What the request asks for; the model and the way to answer are part of its path."""
    model, _, method = path.rstrip("/").rpartition("/")[2].partition(":")
    config = mapping(body.get("generationConfig"))
    system = mapping(body.get("systemInstruction") or body.get("system_instruction"))
    return Asked(
        model=model or None,
        stream=method == "streamGenerateContent",
        offers_tools=bool(sequence(body.get("tools"))),
        instructions=plain_text(system.get("parts")),
        max_tokens=count(config.get("maxOutputTokens")),
    )


def results(body: Json) -> Iterator[ToolResult]:
    """The functionResponse parts after the model's last words; few have an id of their own."""
    calls: dict[str, list[Json]] = {}
    found: list[ToolResult] = []
    for content in mappings(body.get("contents")):
        parts = mappings(content.get("parts"))
        if content.get("role") == "model":
            calls, found = {}, []
            for part in parts:
                call = mapping(part.get("functionCall"))
                calls.setdefault(str(call.get("name")), []).append(call)
            continue
        responses = [mapping(p["functionResponse"]) for p in parts if p.get("functionResponse")]
        for response in responses:
            same = calls.get(str(response.get("name"))) or [{}]
            call = same.pop(0)
            found.append(_result(response, call))
    return reversed(found)


def messages(body: Json) -> list[Json]:
    """The conversation in the form of gen_ai.input.messages."""
    return [
        {
            "role": "assistant" if content.get("role") == "model" else content.get("role"),
            "parts": [_part(part) for part in mappings(content.get("parts"))],
        }
        for content in mappings(body.get("contents"))
    ]


def reader() -> Reader:
    """A reader for one response."""
    return Reader()


def error_body(status: int, code: str, message: str) -> Json:
    """An error as Google's APIs form it."""
    return {"error": {"code": status, "message": message, "status": code.upper()}}


class Reader:
    """Reads a response; each chunk of a stream is one, with all that is counted so far."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._counts: Json = {}

    def event(self, name: str, data: Json) -> None:
        """One chunk."""
        self.whole(data)

    def whole(self, body: Json) -> None:
        """The body of a response."""
        answer = self.answer
        answer.fault = fault_of(body) or answer.fault
        answer.id = text(body.get("responseId")) or answer.id
        answer.model = text(body.get("modelVersion")) or answer.model
        usage = mapping(body.get("usageMetadata"))
        if usage:
            self._counts |= usage
            answer.usage = _usage(self._counts)
        for candidate in mappings(body.get("candidates")):
            for part in mappings(mapping(candidate.get("content")).get("parts")):
                answer.said(None if part.get("thought") else text(part.get("text")))
                self._call(mapping(part.get("functionCall")))
            answer.finished(text(candidate.get("finishReason")))
        answer.finished(text(mapping(body.get("promptFeedback")).get("blockReason")))

    def _call(self, call: Json) -> None:
        if call:
            made = self.answer.call(ToolCall(text(call.get("id")), text(call.get("name")) or ""))
            made.add(as_json(call.get("args")))


def _result(response: Json, call: Json) -> ToolResult:
    given = mapping(response.get("response"))
    failed = True if given.get("error") else (False if "output" in given else None)
    content = given.get("error") or given.get("output") or response.get("response")
    return ToolResult(
        text(response.get("id")),
        content,
        failed,
        name=text(response.get("name")),
        arguments=as_json(call.get("args")) if call else None,
    )


def _usage(counts: Json) -> Usage:
    inward, tools = (
        count(counts.get("promptTokenCount")),
        count(counts.get("toolUsePromptTokenCount")),
    )
    said, thought = (
        count(counts.get("candidatesTokenCount")),
        count(counts.get("thoughtsTokenCount")),
    )
    outward = None if said is None and thought is None else (said or 0) + (thought or 0)
    return Usage(
        input_tokens=None if inward is None else inward + (tools or 0),
        output_tokens=outward,
        cache_read_tokens=count(counts.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
    )


def _part(part: Json) -> Json:
    call, response = mapping(part.get("functionCall")), mapping(part.get("functionResponse"))
    if call:
        made = {"type": "tool_call", "id": call.get("id"), "name": call.get("name")}
        return {**made, "arguments": as_json(call.get("args"))}
    if response:
        given = as_json(response.get("response"))
        return {"type": "tool_call_response", "id": response.get("id"), "response": given}
    return {"type": "text", "content": text(part.get("text")) or ""}

"""OpenAI's Chat Completions API (`POST /v1/chat/completions`)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .api import Answer, Json, Turn

_ERRORS = {401: "invalid_request_error", 429: "rate_limit_error"}


def turn(path: str, body: Json) -> Turn:
    """Reads a request; a stream reports its usage only when asked to, as OpenAI's does."""
    stream = body.get("stream", False)
    options = body.get("stream_options") or {}
    return Turn(
        model=body["model"],
        stream=stream,
        tool_results=sum(message["role"] == "tool" for message in body["messages"]),
        tools=tuple(tool[tool["type"]]["name"] for tool in body.get("tools") or ()),
        reports_usage=not stream or options.get("include_usage", False),
    )


def reply(answer: Answer) -> Json:
    """A whole completion."""
    choice = {"index": 0, "message": _message(answer), "finish_reason": _finish(answer)}
    head = _head(answer, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(answer)}


def events(answer: Answer) -> Iterator[tuple[str, Json | str]]:
    """The completion as one delta, its end, and the usage if it was asked for."""
    head = _head(answer, "chat.completion.chunk")
    message = _message(answer)
    calls = [{"index": 0, **call} for call in message.get("tool_calls", ())]
    delta = {**message, "tool_calls": calls} if calls else message
    yield "", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    end = {"index": 0, "delta": {}, "finish_reason": _finish(answer)}
    yield "", {**head, "choices": [end]}
    if answer.turn.reports_usage:
        yield "", {**head, "choices": [], "usage": _usage(answer)}
    yield "", "[DONE]"


def error(status: int) -> Json:
    """An error as OpenAI's APIs form it."""
    kind = _ERRORS.get(status, "server_error")
    return {"error": {"message": f"scripted {kind}", "type": kind, "code": kind, "param": None}}


def _head(answer: Answer, kind: str) -> Json:
    identity = {"id": f"chatcmpl_{answer.number}", "object": kind, "created": 1_700_000_000}
    return {**identity, "model": answer.turn.model}


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.call else "stop"


def _message(answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": answer.step.text}
    if answer.call is not None:
        name, arguments = answer.call
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"call_{answer.number}", "type": "function", "function": function}
        message["tool_calls"] = [call]
    return message


def _usage(answer: Answer) -> Json:
    usage = answer.step.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "completion_tokens": usage.output_tokens,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }

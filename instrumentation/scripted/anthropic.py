"""Anthropic's Messages API (`POST /v1/messages`)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .api import Answer, Json, Turn

_ERRORS = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}


def turn(path: str, body: Json) -> Turn:
    """Reads a request; tool results are content blocks of the user's messages."""
    contents = [message["content"] for message in body["messages"]]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return Turn(
        model=body["model"],
        stream=body.get("stream", False),
        tool_results=sum(block["type"] == "tool_result" for block in blocks),
        tools=tuple(tool["name"] for tool in body.get("tools", ())),
    )


def reply(answer: Answer) -> Json:
    """A whole message."""
    blocks: list[Json] = [{"type": "text", "text": answer.step.text}]
    if answer.call is not None:
        name, arguments = answer.call
        call_id = f"toolu_{answer.number}"
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": arguments})
    return {
        "id": f"msg_{answer.number}",
        "type": "message",
        "role": "assistant",
        "model": answer.turn.model,
        "content": blocks,
        "stop_reason": "tool_use" if answer.call else "end_turn",
        "stop_sequence": None,
        "usage": _usage(answer),
    }


def events(answer: Answer) -> Iterator[tuple[str, Json | str]]:
    """The message in pieces, each block by one delta."""
    message = reply(answer)
    start = {**message, "content": [], "stop_reason": None}
    start["usage"] = {**message["usage"], "output_tokens": 1}
    yield _event("message_start", message=start)
    for index, block in enumerate(message["content"]):
        empty, delta = _pieces(block)
        yield _event("content_block_start", index=index, content_block=empty)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=end, usage=message["usage"])
    yield _event("message_stop")


def error(status: int) -> Json:
    """An error as Anthropic's API forms it."""
    kind = _ERRORS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": f"scripted {kind}"}}


def count_tokens(body: Json) -> Json:
    """The answer of `POST /v1/messages/count_tokens`: four characters a token."""
    return {"input_tokens": len(json.dumps(body)) // 4}


def _usage(answer: Answer) -> Json:
    usage = answer.step.usage
    return {
        "input_tokens": usage.fresh_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "output_tokens": usage.output_tokens,
    }


def _event(name: str, **data: object) -> tuple[str, Json | str]:
    return name, {"type": name, **data}


def _pieces(block: Json) -> tuple[Json, Json]:
    if block["type"] == "text":
        return {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    arguments = json.dumps(block["input"])
    return {**block, "input": {}}, {"type": "input_json_delta", "partial_json": arguments}

"""OpenAI's Responses API (`POST /v1/responses`)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from . import chat
from .api import Answer, Json, Turn


def turn(path: str, body: Json) -> Turn:
    """Reads a request; tool results are input items of their own."""
    items = body["input"] if isinstance(body["input"], list) else []
    return Turn(
        model=body["model"],
        stream=body.get("stream", False),
        tool_results=sum(item.get("type") == "function_call_output" for item in items),
        tools=tuple(tool.get("name", "") for tool in body.get("tools", ())),
    )


def reply(answer: Answer) -> Json:
    """A whole response."""
    return {
        "id": f"resp_{answer.number}",
        "object": "response",
        "status": "completed",
        "model": answer.turn.model,
        "output": [_item(answer)],
        "usage": _usage(answer),
    }


def events(answer: Answer) -> Iterator[tuple[str, Json | str]]:
    """The response as items; a text also comes as one delta."""
    response = reply(answer)
    opening = {**response, "status": "in_progress", "output": [], "usage": None}
    yield _event("response.created", response=opening)
    for index, item in enumerate(response["output"]):
        yield _event("response.output_item.added", output_index=index, item=item)
        if item["type"] == "message":
            place = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield _event("response.output_text.delta", **place, delta=answer.step.text)
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event("response.completed", response=response)


error = chat.error


def _item(answer: Answer) -> Json:
    if answer.call is None:
        text = {"type": "output_text", "text": answer.step.text, "annotations": []}
        item_id = f"msg_{answer.number}"
        return {"id": item_id, "type": "message", "role": "assistant", "content": [text]}
    name, arguments = answer.call
    return {
        "id": f"fc_{answer.number}",
        "type": "function_call",
        "call_id": f"call_{answer.number}",
        "name": name,
        "arguments": json.dumps(arguments),
    }


def _usage(answer: Answer) -> Json:
    usage = answer.step.usage
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _event(name: str, **data: object) -> tuple[str, Json | str]:
    return name, {"type": name, **data}

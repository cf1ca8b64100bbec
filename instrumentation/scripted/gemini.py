"""Google's Gemini API (`POST /v1beta/models/MODEL:generateContent` and its streaming twin)."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from .api import Answer, Json, Turn

_ERRORS = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


def turn(path: str, body: Json) -> Turn:
    """Reads a request; the model and the way to answer are part of its path."""
    model, _, method = path.rpartition("/")[2].partition(":")
    parts = [part for content in body["contents"] for part in content.get("parts", ())]
    groups = body.get("tools", ())
    declared = [tool for group in groups for tool in group.get("functionDeclarations", ())]
    return Turn(
        model=model,
        stream=method == "streamGenerateContent",
        tool_results=sum("functionResponse" in part for part in parts),
        tools=tuple(tool["name"] for tool in declared),
    )


def reply(answer: Answer) -> Json:
    """A whole response with one candidate."""
    content = {"role": "model", "parts": _parts(answer)}
    return {
        "responseId": f"response_{answer.number}",
        "modelVersion": answer.turn.model,
        "candidates": [{"index": 0, "content": content, "finishReason": "STOP"}],
        "usageMetadata": _usage(answer),
    }


def events(answer: Answer) -> Iterator[tuple[str, Json | str]]:
    """The whole response as one chunk, as short answers come."""
    yield "", reply(answer)


def error(status: int) -> Json:
    """An error as Google's APIs form it."""
    name = _ERRORS.get(status, HTTPStatus(status).phrase)
    return {"error": {"code": status, "message": f"scripted {name}", "status": name}}


def _parts(answer: Answer) -> list[Json]:
    parts: list[Json] = [{"text": answer.step.text}]
    if answer.call is not None:
        name, arguments = answer.call
        parts.append({"functionCall": {"name": name, "args": arguments}})
    return parts


def _usage(answer: Answer) -> Json:
    usage = answer.step.usage
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": usage.output_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens + usage.reasoning_tokens,
    }

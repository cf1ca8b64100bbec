"""The model APIs that the proxy understands: a module each, which know nothing of one another."""

from __future__ import annotations

from spanscore.instrumentation.proxy.model_api import Api

from . import anthropic, gemini, openai_chat, openai_responses

_APIS: tuple[Api, ...] = (openai_chat, openai_responses, anthropic, gemini)


def recognise(method: str, path: str) -> Api | None:
    """The API that a request calls a model by; None if it calls none that is known."""
    if method != "POST":
        return None
    return next((api for api in _APIS if api.PATH.search(path)), None)

"""What an error body says, whatever API it comes from, as one code for `error.type`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spanscore.instrumentation.conventions import CallError

from .loose import Json, mapping, mappings, text

_MESSAGE_CHARS = 300

# Codes whose meaning is known by themselves; they are kept in the provider's words.
_TELLING = re.compile(
    r"context_?(length|window)|string_above_max_length|prompt_too_long"
    r"|content_?(filter|policy)|prohibited_content"
    r"|insufficient_quota|quota_exceeded|billing|payment_required"
    r"|api_key|authentication|unauthenticated|unauthorized|permission"
    r"|model_not_found|not_found_error|rate_?limit|resource_exhausted|too_many_requests|overloaded",
    re.IGNORECASE,
)

# What a code or a message means where the code is a general one, such as `invalid_request_error`.
_MEANINGS = (
    (
        CallError.CONTEXT_LENGTH,
        re.compile(
            r"prompt is too long|maximum context length|context (length|window|size)"
            r"|exceed_context_size|input token count.{0,40}exceeds|too many (input )?tokens"
            r"|input (is )?too long|maximum (number of )?(input )?tokens allowed",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    (
        CallError.CONTENT_FILTER,
        re.compile(r"content filter|content management policy|blocked by.{0,30}policy", re.I),
    ),
    (
        CallError.QUOTA,
        re.compile(r"credit balance is too low|insufficient (credits?|balance|funds)|PerDay", re.I),
    ),
    (
        CallError.INVALID_KEY,
        re.compile(r"(invalid|incorrect|not valid|missing).{0,20}api[ _-]?key|api key not", re.I),
    ),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as the provider tells it. `code` is its own; None when it gave no text for one."""

    code: str | None
    message: str
    hints: str = ""
    """More words of it that may tell what it means."""

    def error_type(self, status: int | None) -> str:
        """The provider's code, by its message where the code is a general one, else the status."""
        if self.code and _TELLING.search(self.code):
            return self.code
        words = f"{self.code or ''} {self.message} {self.hints}"
        meaning = next((error for error, known in _MEANINGS if known.search(words)), None)
        if meaning is not None:
            return meaning.value
        if self.code:
            return self.code
        is_error = status is not None and status >= 400
        return str(status) if is_error else CallError.STREAM_ERROR.value


def fault_of(body: object) -> Fault | None:
    """The error that a body or an event holds; None if it holds none."""
    if isinstance(body, list):
        return fault_of(body[0]) if body else None
    found = mapping(body)
    error = found.get("error")
    if isinstance(error, str):
        return Fault(None, error[:_MESSAGE_CHARS]) if error else None
    if isinstance(error, dict):
        return _fault(error)
    if found.get("object") == "error" or found.get("type") == "error":
        return _fault(found, is_bare=True)
    return None


def _fault(error: Json, *, is_bare: bool = False) -> Fault:
    details = mappings(error.get("details"))
    reason = next((text(d["reason"]) for d in details if text(d.get("reason"))), None)
    kind = text(error.get("type"))
    code = reason or _code(error.get("code")) or text(error.get("status"))
    if code is None and not (is_bare and kind == "error"):
        code = kind
    if code is None:
        code = _number(error.get("code"))
    quotas = [str(v.get("quotaId", "")) for d in details for v in mappings(d.get("violations"))]
    message = text(error.get("message")) or ""
    return Fault(code, message[:_MESSAGE_CHARS], " ".join(quotas)[:_MESSAGE_CHARS])


def _code(value: object) -> str | None:
    """A code that says something: not the status once more."""
    found = text(value)
    return None if found is None or found.isdigit() else found[:_MESSAGE_CHARS]


def _number(value: object) -> str | None:
    return str(value) if isinstance(value, int | str) and str(value).isdigit() else None

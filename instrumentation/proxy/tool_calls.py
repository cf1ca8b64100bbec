"""Tool calls, derived: an answer asks for one, and a later request carries its result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .loose import plain_text
from .model_api import Answer, ToolCall, ToolResult

MAX_PENDING = 1000
_EXIT_CODE_CHARS = 4096

_SHELL = re.compile(r"bash|shell|exec|command|terminal|\brun|python|ipython|cmd", re.IGNORECASE)
_EXIT_CODE = re.compile(
    r"(?:\bexit(?:ed)?(?: with)?(?: exit)?[ _-]?(?:code|status)|\breturn[ _-]?code)"
    r"[\"'>]*(?:\s*[:=]|\s+is|\s+was)?\s*[\"']?(-?\d{1,10})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Derived:
    """A tool call, from the end of the answer that asked for it to the request with its result.

    `result` is None where no request ever carried one.
    """

    call: ToolCall
    start_ns: int
    end_ns: int
    result: str | None = None
    is_error: bool | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    call: ToolCall
    start_ns: int


class ToolCalls:
    """The tool calls of one run that wait for their results, bounded."""

    def __init__(self) -> None:
        self._pending: dict[object, _Pending] = {}

    def asked_for(self, answer: Answer, now_ns: int) -> list[Derived]:
        """An answer is complete. What is displaced by a bound is given as without a result."""
        for place, call in enumerate(answer.tool_calls):
            key = call.id or (call.name, call.arguments, place, now_ns)
            self._pending[key] = _Pending(call, now_ns)
        crowded = list(self._pending)[: max(0, len(self._pending) - MAX_PENDING)]
        return [self._derive(key, now_ns, None) for key in crowded]

    def answered(self, results: Iterable[ToolResult], now_ns: int) -> Iterator[Derived]:
        """A request came with these results, the last first; those known already are left out."""
        if not self._pending:
            return
        for result in results:
            key = self._key(result)
            if key is not None:
                yield self._derive(key, now_ns, result)

    def unanswered(self, now_ns: int) -> list[Derived]:
        """No more requests will come: what is left."""
        return [self._derive(key, now_ns, None) for key in list(self._pending)]

    def _key(self, result: ToolResult) -> object | None:
        if result.id is not None and result.id in self._pending:
            return result.id
        if result.name is None:
            return None
        same = (
            key
            for key, waiting in self._pending.items()
            if not waiting.call.id
            and waiting.call.name == result.name
            and result.arguments in (None, waiting.call.arguments)
        )
        return next(same, None)

    def _derive(self, key: object, now_ns: int, result: ToolResult | None) -> Derived:
        waiting = self._pending.pop(key)
        end_ns = max(now_ns, waiting.start_ns)
        if result is None:
            return Derived(waiting.call, waiting.start_ns, end_ns)
        said = plain_text(result.content)
        code = _exit_code(said) if _SHELL.search(waiting.call.name) else None
        return Derived(waiting.call, waiting.start_ns, end_ns, said, result.is_error, code)


def _exit_code(said: str) -> int | None:
    """The exit code that the output of a shell names, at its beginning or its end."""
    head = _EXIT_CODE.search(said[:_EXIT_CODE_CHARS])
    if head is None and len(said) > _EXIT_CODE_CHARS:
        head = _EXIT_CODE.search(said[-_EXIT_CODE_CHARS:])
    code = int(head.group(1)) if head else None
    return code if code is not None and -(2**31) <= code < 2**31 else None

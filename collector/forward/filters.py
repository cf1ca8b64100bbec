"""Which telemetry goes to a destination: by service, by run, and spans by their role."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .roles import role_of

RUN_KEYS = frozenset(
    ["spanscore.run.id", "session.id", "conversation.id", "gen_ai.conversation.id", "opencode.run"]
)
"""The ids by which a resource or a record may name its run, as far as it tells by itself."""

REMEMBERED_SPANS = 100_000


def keep_services(parts: Any, patterns: Sequence[str]) -> bool:
    """Remove the resources of other services in place; whether any was removed."""
    return _keep(parts, lambda part: _matches(_texts(part.resource, {"service.name"}), patterns))


def keep_runs(parts: Any, patterns: Sequence[str], scopes: str, records: str) -> bool:
    """Remove what names no run that fits, on the resource or on the record itself; whether any.

    `scopes` and `records` are the fields' names for the signal. Metrics are told by their resource.
    """
    removed = False
    for part in parts:
        if _matches(_texts(part.resource, RUN_KEYS), patterns):
            continue
        for scope_part in getattr(part, scopes):
            removed |= _keep(
                getattr(scope_part, records),
                lambda record: _matches(_texts(record, RUN_KEYS), patterns),
            )
    return removed


def _keep(parts: Any, wanted: Any) -> bool:
    kept = [part for part in parts if wanted(part)]
    if len(kept) == len(parts):
        return False
    del parts[:]
    parts.extend(kept)
    return True


def _texts(owner: Any, keys: Iterable[str]) -> Iterator[str]:
    for attribute in getattr(owner, "attributes", ()):
        if attribute.key in keys:
            yield attribute.value.string_value


def _matches(texts: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for text in texts for pattern in patterns)


class RoleFilter:
    """Leaves out spans of other roles; what is kept under them gets the nearest kept parent.

    A child ends, and so comes, before its parent. Of a parent that has not come it cannot be told
    whether it will be left out, so the child keeps it, and it is let through when it comes. Those
    promises, and what was left out, are remembered for the last REMEMBERED_SPANS spans.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._parents_of_cut: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._promised: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def apply(self, requests: Sequence[Any]) -> None:
        """Filter Export requests of traces, taken together, in place."""
        for span in _spans(requests):
            if not self._wanted(span):
                self._remember(
                    self._parents_of_cut, (span.trace_id, span.span_id), span.parent_span_id
                )
        for request in requests:
            for part in request.resource_spans:
                for scope_part in part.scope_spans:
                    _keep(scope_part.spans, self._is_kept)
        here = {(span.trace_id, span.span_id) for span in _spans(requests)}
        for span in _spans(requests):
            self._adopt(span, here)

    def _wanted(self, span: Any) -> bool:
        key = (span.trace_id, span.span_id)
        return key in self._promised or _matches([role_of(span)], self._patterns)

    def _is_kept(self, span: Any) -> bool:
        return (span.trace_id, span.span_id) not in self._parents_of_cut

    def _adopt(self, span: Any, here: set[tuple[bytes, bytes]]) -> None:
        parent, seen = span.parent_span_id, set[bytes]()
        while (span.trace_id, parent) in self._parents_of_cut and parent not in seen:
            seen.add(parent)
            parent = self._parents_of_cut[span.trace_id, parent]
        if parent in seen:  # a circle of spans that are all left out
            parent = b""
        if parent != span.parent_span_id:
            span.parent_span_id = parent
        if parent and (span.trace_id, parent) not in here:
            self._remember(self._promised, (span.trace_id, parent), None)

    def _remember(self, memory: Any, key: tuple[bytes, bytes], value: Any) -> None:
        memory[key] = value
        if len(memory) > REMEMBERED_SPANS:
            memory.popitem(last=False)


def _spans(requests: Sequence[Any]) -> Iterator[Any]:
    for request in requests:
        for part in request.resource_spans:
            for scope_part in part.scope_spans:
                yield from scope_part.spans

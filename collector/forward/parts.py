"""Export requests to be sent: counted, joined and split to a destination's bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from spanscore.collector.signals import Signal

# Tag and length of what encloses a record: resource, scope, metric, and the record itself.
_OVERHEAD_BYTES = 64
_ANY_SIZE = 1 << 62


class Fields(NamedTuple):
    """The names of the fields of a signal's Export request, from the outside in."""

    resources: str
    scopes: str
    records: str


FIELDS = {
    Signal.TRACES: Fields("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: Fields("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: Fields("resource_metrics", "scope_metrics", "metrics"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One Export request to be sent: protobuf, and how many spans, logs or metrics it holds."""

    signal: Signal
    body: bytes
    records: int


def count_records(signal: Signal, message: Any) -> int:
    """The spans, log records or metrics of an Export request."""
    fields = FIELDS[signal]
    return sum(
        len(getattr(scope_part, fields.records))
        for part in getattr(message, fields.resources)
        for scope_part in getattr(part, fields.scopes)
    )


def pack(parts: Iterable[Part], max_bytes: int, max_records: int) -> Iterator[Part]:
    """The same records in their order, as few requests as the bounds allow, per signal.

    Requests are joined by joining their bytes, which is how protobuf says that lists are continued.
    One that is too large by itself is split; a record that is too large comes alone, for the caller
    to see by its size.
    """
    waiting: dict[Signal, list[Part]] = {}
    for part in parts:
        pieces = [part]
        if len(part.body) > max_bytes or part.records > max_records:
            pieces = list(split(part, max_bytes, max_records))
        for piece in pieces:
            group = waiting.setdefault(piece.signal, [])
            if group and not _fits([*group, piece], max_bytes, max_records):
                yield _joined(group)
                group.clear()
            group.append(piece)
    for group in waiting.values():
        if group:
            yield _joined(group)


def _fits(group: Sequence[Part], max_bytes: int, max_records: int) -> bool:
    return (
        sum(len(part.body) for part in group) <= max_bytes
        and sum(part.records for part in group) <= max_records
    )


def _joined(group: Sequence[Part]) -> Part:
    if len(group) == 1:
        return group[0]
    body = b"".join(part.body for part in group)
    return Part(group[0].signal, body, sum(part.records for part in group))


def halves(part: Part) -> list[Part]:
    """The part as two of about the same number of records; as it is when it has only one."""
    if part.records < 2:
        return [part]
    return list(split(part, _ANY_SIZE, (part.records + 1) // 2))


def split(part: Part, max_bytes: int, max_records: int) -> Iterator[Part]:
    """The same records, in their order, in requests within the bounds, where that can be done."""
    message = part.signal.request_type.FromString(part.body)
    build = _Builder(part.signal)
    is_large = len(part.body) > max_bytes
    for resource_part, scope_part, record in _records(part.signal, message):
        size_bytes = record.ByteSize() + _OVERHEAD_BYTES if is_large else 0
        if build.records and (
            build.records >= max_records
            or (is_large and build.size_with(resource_part, scope_part) + size_bytes > max_bytes)
        ):
            yield build.finished()
        build.add(resource_part, scope_part, record, size_bytes)
    if build.records:
        yield build.finished()


def _records(signal: Signal, message: Any) -> Iterator[tuple[Any, Any, Any]]:
    fields = FIELDS[signal]
    for resource_part in getattr(message, fields.resources):
        for scope_part in getattr(resource_part, fields.scopes):
            for record in getattr(scope_part, fields.records):
                yield resource_part, scope_part, record


class _Builder:
    """A request in the making: each record with the resource and the scope it came under."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._fields = FIELDS[signal]
        self._start()

    def _start(self) -> None:
        self._message: Any = self._signal.request_type()
        self._under: tuple[Any, Any] = (None, None)
        self._size_bytes = 0
        self.records = 0

    def size_with(self, resource_part: Any, scope_part: Any) -> int:
        """The size so far, and that of what must enclose a record of this scope."""
        return self._size_bytes + self._enclosing_bytes(resource_part, scope_part)

    def add(self, resource_part: Any, scope_part: Any, record: Any, size_bytes: int) -> None:
        self._size_bytes += size_bytes + self._enclosing_bytes(resource_part, scope_part)
        if self._under[0] is not resource_part:
            into = getattr(self._message, self._fields.resources).add()
            into.schema_url = resource_part.schema_url
            if resource_part.HasField("resource"):
                into.resource.CopyFrom(resource_part.resource)
            self._resource = into
            self._under = (resource_part, None)
        if self._under[1] is not scope_part:
            scope = getattr(self._resource, self._fields.scopes).add()
            scope.schema_url = scope_part.schema_url
            if scope_part.HasField("scope"):
                scope.scope.CopyFrom(scope_part.scope)
            self._list = getattr(scope, self._fields.records)
            self._under = (resource_part, scope_part)
        self._list.append(record)
        self.records += 1

    def finished(self) -> Part:
        part = Part(self._signal, self._message.SerializeToString(), self.records)
        self._start()
        return part

    def _enclosing_bytes(self, resource_part: Any, scope_part: Any) -> int:
        size_bytes = 0
        if self._under[0] is not resource_part:
            size_bytes += resource_part.resource.ByteSize() + len(resource_part.schema_url)
        if self._under[1] is not scope_part:
            size_bytes += scope_part.scope.ByteSize() + len(scope_part.schema_url)
        return size_bytes + 2 * _OVERHEAD_BYTES if size_bytes else 0

"""The fields of an Export request by reflection, and requests in which one of them is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanscore.collector.signals import Signal

_VALUES: dict[int, Any] = {
    Field.TYPE_STRING: "text",
    Field.TYPE_BYTES: b"\1\2\3",
    Field.TYPE_BOOL: True,
    Field.TYPE_DOUBLE: 1.5,
}
# Values that fill all columns of an attribute list or a body, the exact bytes too.
_TWICE = [KeyValue(key="k", value=AnyValue(string_value=text)) for text in ("one", "two")]
_BODY = AnyValue()
_BODY.array_value.values.add(bytes_value=b"\0")


@dataclass(frozen=True)
class FieldPath:
    """A field and the way to it: the fields from the request down to it."""

    signal: Signal
    fields: tuple[Any, ...]

    @property
    def name(self) -> str:
        """`message.field`, without the package."""
        message = self.fields[-1].containing_type.full_name.rpartition(".v1.")[2]
        return f"{message}.{self.fields[-1].name}"

    @property
    def holder(self) -> str:
        """The name of the field under which the field's message lies."""
        return str(self.fields[-2].name) if len(self.fields) > 1 else ""

    @property
    def brings_columns(self) -> bool:
        """Whether setting the field fills further columns: a list item, or a metric's data."""
        field = self.fields[-1]
        is_data = field.containing_oneof is not None and field.containing_oneof.name == "data"
        is_item = field.is_repeated and field.type == Field.TYPE_MESSAGE
        return is_data or (is_item and not _is_attribute(field))

    def message(self, *, is_set: bool) -> Message:
        """A request with one record, whose field at this path is set to no default, or not set."""
        request = self.signal.request_type()
        holder = request
        for field in self.fields[:-1]:
            holder = _enter(holder, field)
        if is_set:
            _set(holder, self.fields[-1])
        _complete(request, "summary" if self.fields[-1].name == "gauge" else "gauge")
        return request


def field_paths() -> list[FieldPath]:
    """Every path of the three requests, down to attributes and bodies."""
    return [
        FieldPath(signal, path)
        for signal in Signal
        for path in _paths(signal.request_type.DESCRIPTOR, ())
    ]


def _paths(message: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for field in message.fields:
        path = (*above, field)
        yield path
        if field.type == Field.TYPE_MESSAGE and not _is_attribute(field):
            yield from _paths(field.message_type, path)


def _is_attribute(field: Any) -> bool:
    return field.message_type in (KeyValue.DESCRIPTOR, AnyValue.DESCRIPTOR)


def _enter(holder: Any, field: Any) -> Any:
    child = getattr(holder, field.name)
    if field.is_repeated:
        return child.add()
    child.SetInParent()
    return child


def _set(holder: Any, field: Any) -> None:
    target = getattr(holder, field.name)
    if field.message_type is KeyValue.DESCRIPTOR:
        target.extend(_TWICE)
    elif field.message_type is AnyValue.DESCRIPTOR:
        target.CopyFrom(_BODY)
    elif field.type == Field.TYPE_MESSAGE:
        _enter(holder, field)
    elif field.is_repeated:
        target.append(_VALUES.get(field.type, 1))
    else:
        setattr(holder, field.name, _VALUES.get(field.type, 1))


def _complete(request: Any, kind: str) -> None:
    """Add what is lacking for a record: containers, a metric's data, a data point."""
    containers = [request]
    while containers:
        container = containers.pop()
        if "data" in container.DESCRIPTOR.oneofs_by_name:
            data = getattr(container, container.WhichOneof("data") or kind)
            data.SetInParent()
            containers.append(data)
        for field in container.DESCRIPTOR.fields:
            if field.name.startswith(("resource_", "scope_")) or field.name in _RECORDS:
                children = getattr(container, field.name)
                containers.extend(children or [children.add()])


_RECORDS = {"spans", "log_records", "metrics", "data_points"}

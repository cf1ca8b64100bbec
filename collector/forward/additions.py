"""Attributes that a profile adds to a span, beside those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from spanscore.collector.decode.values import plain

from .roles import role_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from .profile import Addition, Profile


def add_attributes(span: Span, profile: Profile) -> None:
    """Add what `profile` says for the role of the span; a key that is there stays as it is."""
    known = {attribute.key: attribute.value for attribute in span.attributes}
    role = role_in(known, span.name)
    if profile.kind_attribute and profile.kind_attribute not in known:
        kind = profile.kinds.get(role) or profile.kinds[""]
        _add(span, profile.kind_attribute).string_value = kind
    for addition in profile.additions(role):
        key = addition.key
        if key in known:
            continue
        if addition.is_count:
            count = _count(addition, known)
            if count is not None:
                known[key] = value = _add(span, key)
                value.int_value = count
        elif (source := _first(addition, known)) is not None:
            known[key] = value = _add(span, key)
            _copy(source, value)


def _add(span: Span, key: str) -> AnyValue:
    attribute = span.attributes.add()
    attribute.key = key
    return attribute.value


def _first(addition: Addition, known: Mapping[str, AnyValue]) -> AnyValue | None:
    for (source,) in addition.sources:
        if source in known:
            return known[source]
    return None


def _copy(source: AnyValue, value: AnyValue) -> None:
    """Nested values become JSON text."""
    if source.WhichOneof("value") in ("array_value", "kvlist_value"):
        value.string_value = orjson.dumps(plain(source)).decode()
    else:
        value.CopyFrom(source)


def _count(addition: Addition, known: Mapping[str, AnyValue]) -> int | None:
    """The first source that is a number, or the sum of several; unknown stays unknown, never 0."""
    for first, *others in addition.sources:
        if first not in known:
            continue
        total = _number(known[first])
        if total is None:
            continue
        for other in others:
            total += (_number(known[other]) or 0) if other in known else 0
        if total < 1 << 63:
            return total
    return None


def _number(value: AnyValue) -> int | None:
    """A whole number of any kind: Codex sends some as text."""
    kind = value.WhichOneof("value")
    if kind == "int_value":
        return value.int_value
    if kind == "double_value" and value.double_value.is_integer():
        return int(value.double_value)
    if kind == "string_value" and value.string_value.isdecimal():
        return int(value.string_value)
    return None

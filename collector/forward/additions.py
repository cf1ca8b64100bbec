"""Attributes that a profile adds to a span, beside those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanscore.collector.decode.values import plain

from .roles import role_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from .profile import Profile


def add_attributes(span: Span, profile: Profile) -> None:
    """Add what `profile` says for the role of the span; a key that is there stays as it is."""
    role = role_of(span)
    known = {attribute.key: attribute.value for attribute in span.attributes}
    if profile.kind_attribute and profile.kind_attribute not in known:
        kind = profile.kinds.get(role) or profile.kinds[""]
        span.attributes.add(key=profile.kind_attribute).value.string_value = kind
    for keys in (profile.adds.get(""), profile.adds.get(role) if role else None):
        for key, sources in (keys or {}).items():
            value = None if key in known else _first(sources, known)
            if value is not None:
                known[key] = value
                span.attributes.add(key=key, value=value)


def _first(sources: Sequence[str], known: dict[str, AnyValue]) -> AnyValue | None:
    """The value of the first source that is there; unknown stays unknown, never 0."""
    for source in sources:
        parts = source.split(" + ")
        if len(parts) > 1:
            total = _sum([known.get(part) for part in parts])
            if total is not None:
                return AnyValue(int_value=total)
        elif source in known:
            return _flat(known[source])
    return None


def _sum(values: Sequence[AnyValue | None]) -> int | None:
    """The sum of those that are numbers; None where the first is none."""
    numbers = [None if value is None else _number(value) for value in values]
    if numbers[0] is None:
        return None
    return sum(number for number in numbers if number is not None)


def _number(value: AnyValue) -> int | None:
    kind = value.WhichOneof("value")
    if kind == "int_value":
        return value.int_value
    if kind == "double_value" and value.double_value.is_integer():
        return int(value.double_value)
    if kind == "string_value" and value.string_value.isdecimal():
        return int(value.string_value)
    return None


def _flat(value: AnyValue) -> AnyValue:
    """Numbers as numbers (Codex sends some as text), nested values as JSON text."""
    if value.WhichOneof("value") in ("array_value", "kvlist_value"):
        return AnyValue(string_value=orjson.dumps(plain(value)).decode())
    number = _number(value)
    return value if number is None or abs(number) >= 1 << 63 else AnyValue(int_value=number)

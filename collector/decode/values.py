"""OTLP AnyValue as text with a one-character type, and back.

The type says which member of the oneof is set: s i d b (string, int, double, bool), y (bytes),
a (array), m (key-value list), n (none), - (no AnyValue at all). Text and type alone give back an
equal value except for nested values that plain JSON cannot carry (bytes, NaN and infinities, a key
without a value, duplicate keys) and references into a string table: these are reported as inexact.
Within nested values null stands for an unset AnyValue.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from .arrays import Flags
from .errors import Ambiguous

_TYPES = {
    "string_value": "s",
    "int_value": "i",
    "double_value": "d",
    "bool_value": "b",
    "bytes_value": "y",
    "array_value": "a",
    "kvlist_value": "m",
    "string_value_strindex": "n",
}
_NESTED: dict[str, type[ArrayValue] | type[KeyValueList]] = {
    "array_value": ArrayValue,
    "kvlist_value": KeyValueList,
}
_CACHED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ValueTexts:
    """AnyValues of one array: text (NULL for none), type character, and which lose something."""

    text: Any
    types: npt.NDArray[np.uint8]
    inexact: Flags | None


def value_texts(values: Any) -> ValueTexts:
    """Text and type of a struct array of AnyValue; raises `Ambiguous` where two members are set."""
    types = np.zeros(len(values), np.uint8)
    inexact: Flags | None = None
    set_members = 0
    texts = []
    for name, letter in _TYPES.items():
        member = values.field(name)
        count = len(member) - member.null_count
        if not count:
            continue
        set_members += count
        types[member.is_valid().to_numpy(zero_copy_only=False)] = ord(letter)
        text, lost = _member_texts(name, member)
        texts.append(text)
        inexact = _either(inexact, lost)
    if set_members > np.count_nonzero(types):
        raise Ambiguous
    types[types == 0] = ord("n")
    if values.null_count:
        types[values.is_null().to_numpy(zero_copy_only=False)] = ord("-")
    return ValueTexts(_one_of(texts, len(values)), types, inexact)


def _either(one: Flags | None, other: Flags | None) -> Flags | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _one_of(texts: list[Any], length: int) -> Any:
    if len(texts) > 1:
        return pc.coalesce(*texts)
    return texts[0] if texts else pa.nulls(length, pa.string())


def at_most_one_member(structs: Any, oneof: Iterable[str]) -> None:
    """Raise `Ambiguous` where two of these fields of a struct array are set."""
    present = [structs.field(name).is_valid() for name in oneof]
    if sum(flags.true_count for flags in present) > reduce(pc.or_, present).true_count:
        raise Ambiguous


def _member_texts(name: str, member: Any) -> tuple[Any, Flags | None]:
    if name == "string_value":
        return member, None
    if name == "double_value":
        return _double_texts(member), None
    if name == "string_value_strindex":
        return pa.nulls(len(member), pa.string()), member.is_valid().to_numpy(zero_copy_only=False)
    if name == "bytes_value":
        distinct = member.dictionary_encode()
        encoded = [base64.b64encode(raw).decode() for raw in distinct.dictionary.to_pylist()]
        return pa.array(encoded, pa.string()).take(distinct.indices), None
    if name in _NESTED:
        return _nested_texts(name, member)
    return member.cast(pa.string()), None


def _double_texts(doubles: Any) -> Any:
    """The shortest text that reads back as the same double, 1.0 rather than 1."""
    texts = doubles.cast(pa.string())
    whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
    if not whole.true_count:
        return texts
    return pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)


def _nested_texts(name: str, member: Any) -> tuple[Any, Flags | None]:
    distinct = member.dictionary_encode()
    converted = [_nested_text(name, raw) for raw in distinct.dictionary.to_pylist()]
    text = pa.array([text for text, _ in converted], pa.string()).take(distinct.indices)
    if all(exact for _, exact in converted):
        return text, None
    lost = pa.array([not exact for _, exact in converted]).take(distinct.indices)
    return text, lost.fill_null(False).to_numpy(zero_copy_only=False)


def _nested_text(name: str, raw: bytes) -> tuple[str, bool]:
    return (_cached_json if len(raw) <= _CACHED_BYTES else _json)(name, raw)


def _json(name: str, raw: bytes) -> tuple[str, bool]:
    """Compact JSON of a nested value, and whether it reads back as an equal one."""
    value = AnyValue()
    nested = getattr(value, name)
    nested.SetInParent()
    nested.MergeFromString(raw)
    text = orjson.dumps(plain(value)).decode()
    return text, from_plain(orjson.loads(text)) == value


_cached_json = lru_cache(maxsize=4096)(_json)


def plain(value: AnyValue) -> Any:
    """The value as JSON would have it; the first of duplicate keys."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        result: dict[str, Any] = {}
        for item in value.kvlist_value.values:
            result.setdefault(item.key, plain(item.value))
        return result
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind is None or kind == "string_value_strindex":
        return None
    return getattr(value, kind)


def from_plain(item: Any) -> AnyValue:
    """The AnyValue that stands for a value read from JSON."""
    value = AnyValue()
    if isinstance(item, str):
        value.string_value = item
    elif isinstance(item, bool):
        value.bool_value = item
    elif isinstance(item, int):
        value.int_value = item
    elif isinstance(item, float):
        value.double_value = item
    elif isinstance(item, list):
        value.array_value.SetInParent()
        value.array_value.values.extend(from_plain(child) for child in item)
    elif isinstance(item, dict):
        value.kvlist_value.SetInParent()
        for key, child in item.items():
            value.kvlist_value.values.add(key=key, value=from_plain(child))
    return value


def from_text(text: str | None, letter: str) -> AnyValue:
    """The AnyValue that `value_texts` has turned into this text and type (not '-')."""
    if text is None or letter == "n":
        return AnyValue()
    if letter == "s":
        return AnyValue(string_value=text)
    if letter == "i":
        return AnyValue(int_value=int(text))
    if letter == "d":
        return AnyValue(double_value=float(text))
    if letter == "b":
        return AnyValue(bool_value=text == "true")
    if letter == "y":
        return AnyValue(bytes_value=base64.b64decode(text))
    return from_plain(orjson.loads(text))


def fill(value: AnyValue, members: dict[str, Any]) -> None:
    """Set an AnyValue from one element of its struct array."""
    for name, member in members.items():
        if member is None:
            continue
        if name in _NESTED:
            getattr(value, name).SetInParent()
            getattr(value, name).MergeFromString(member)
        else:
            setattr(value, name, member)

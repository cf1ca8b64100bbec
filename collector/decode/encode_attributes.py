"""Text and types back to KeyValues and AnyValues, as the struct arrays that ptars writes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList

from .arrays import integers, open_list
from .values import from_plain
from .wire import parse_messages


def structs(kind: Any, columns: Mapping[str, Any], absent: Any = None) -> Any:
    """Structs of a type; fields that are not given are unset."""
    length = len(next(iter(columns.values())))
    arrays = [
        columns[field.name] if field.name in columns else _unset(field, length) for field in kind
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=absent)


def _unset(field: Any, length: int) -> Any:
    nothing = pa.nulls(length, field.type)
    return nothing if field.nullable else nothing.fill_null(0)


def _columns_of(owner: Any) -> Callable[[str], Any]:
    """The columns of a batch, or the fields of a struct array, by name."""
    columns: Callable[[str], Any] = (
        owner.field if isinstance(owner, pa.StructArray) else owner.column
    )
    return columns


def key_values(owner: Any, kind: Any) -> Any:
    """The attributes of records, events or links, in their order on the wire."""
    column = _columns_of(owner)
    lists_type = kind.field("attributes").type
    pair_type = lists_type.value_type
    offsets, pairs = open_list(column("attributes"))
    types = _letters(column("attribute_types"))
    items = structs(
        pair_type,
        {
            "key": pairs.field(0),
            "value": _values(pairs.field(1), types, pair_type.field("value").type),
        },
    )
    offsets = integers(offsets.astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, items, type=lists_type)
    return _with_exact(lists, column("attributes_raw"), _exact_lists)


def log_bodies(logs: Any, kind: Any) -> Any:
    types = _letters(logs.column("body_type").fill_null("-"))
    bodies = _values(logs.column("body"), types, kind)
    return _with_exact(bodies, logs.column("body_raw"), _exact_values)


def _exact_lists(raw: Sequence[bytes]) -> Any:
    return parse_messages(KeyValueList, raw).field("values")


def _exact_values(raw: Sequence[bytes]) -> Any:
    return parse_messages(AnyValue, raw)


def _with_exact(made: Any, raw: Any, parse: Callable[[Sequence[bytes]], Any]) -> Any:
    """What was made of text and types, but where the exact bytes were kept what these say."""
    if raw.null_count == len(raw):
        return made
    exact = parse(raw.drop_null().to_pylist()).cast(made.type)
    places = np.arange(len(made))
    places[raw.is_valid().to_numpy(zero_copy_only=False)] = len(made) + np.arange(len(exact))
    return pa.concat_arrays([made, exact]).take(integers(places))


def _letters(types: Any) -> npt.NDArray[np.uint8]:
    """The characters of all texts, one after the other; all are ASCII."""
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(types)], types), "")[0].as_buffer()
    return np.frombuffer(joined, np.uint8) if len(joined) else np.empty(0, np.uint8)


def _values(texts: Any, letters: npt.NDArray[np.uint8], kind: Any) -> Any:
    """The AnyValues that `value_texts` has turned into these texts and types."""
    members = {}
    for letter, (member, read) in _READERS.items():
        chosen = letters == ord(letter)
        if chosen.all():
            members[member] = read(texts)
        elif chosen.any():
            members[member] = read(pc.if_else(pa.array(chosen), texts, None))
    members = members or {"string_value": pa.nulls(len(texts), pa.string())}
    return structs(kind, members, absent=pa.array(letters == ord("-")))


def _each_once(read: Callable[[str], bytes]) -> Callable[[Any], Any]:
    """What `read` makes of each text, asked once for equal texts."""

    def read_all(texts: Any) -> Any:
        distinct = texts.dictionary_encode()
        read_texts = [read(text) for text in distinct.dictionary.to_pylist()]
        return pa.array(read_texts, pa.binary()).take(distinct.indices)

    return read_all


def _array(text: str) -> bytes:
    return from_plain(orjson.loads(text)).array_value.SerializeToString()


def _kvlist(text: str) -> bytes:
    return from_plain(orjson.loads(text)).kvlist_value.SerializeToString()


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "s": ("string_value", lambda texts: texts),
    "i": ("int_value", lambda texts: texts.cast(pa.int64())),
    "d": ("double_value", lambda texts: texts.cast(pa.float64())),
    "b": ("bool_value", lambda texts: pc.equal(texts, "true")),
    "y": ("bytes_value", _each_once(base64.b64decode)),
    "a": ("array_value", _each_once(_array)),
    "m": ("kvlist_value", _each_once(_kvlist)),
}

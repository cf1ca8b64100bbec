"""KeyValue lists as the three attribute columns, and the typed columns beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList

from .arrays import Flags, Ints, integers, numbers, open_list, parents, strings
from .typed_columns import TypedColumn, convert
from .values import fill, value_texts

TRIPLE = [
    ("attributes", pa.map_(pa.string(), pa.string())),
    ("attribute_types", pa.string()),
    ("attributes_raw", pa.binary()),
]
_PIECE = 4096
_NAMES = tuple(name for name, _ in TRIPLE)


class Attributes:
    """The attributes of many records: `lists` is a list array of KeyValue structs, one a record.

    Raises `Ambiguous` where a value has two members of its oneof.
    """

    def __init__(self, lists: Any) -> None:
        self._offsets, self._pairs = open_list(lists)
        self._records = len(lists)
        self._keys = self._pairs.field("key")
        self._values = value_texts(self._pairs.field("value"))
        self._by_key = _ByKey(self._keys, self._offsets)

    def columns(self, names: Iterable[str] = _NAMES) -> dict[str, Any]:
        """The columns attributes, attribute_types and attributes_raw, or by other names.

        A MAP holds a key once, so of duplicate keys it keeps the first; the raw column is NULL
        unless text and type cannot give back an equal list.
        """
        offsets, keys = self._offsets, self._keys
        texts, types = self._values.text, self._values.types
        repeated = self._by_key.repeated_pairs
        if len(repeated):
            kept = np.ones(len(keys), np.bool_)
            kept[repeated] = False
            offsets = np.concatenate(([0], np.cumsum(kept)))[offsets]
            keys, texts, types = keys.filter(kept), texts.filter(kept), types[kept]
        attributes = pa.MapArray.from_arrays(integers(offsets.astype(np.int32)), keys, texts)
        types = strings(offsets, types, np.ones(self._records, np.bool_))
        return dict(zip(names, (attributes, types, self._raw(repeated)), strict=True))

    def typed(self, columns: Sequence[TypedColumn]) -> dict[str, Any]:
        """The typed columns by name, one value a record; of duplicate keys the first counts."""
        found = self._by_key.find([column.key for column in columns])
        return {
            column.column: self._typed(pairs, column.arrow_type)
            for column, pairs in zip(columns, found, strict=True)
        }

    def _typed(self, pairs: Ints | None, arrow_type: Any) -> Any:
        if pairs is None:
            return pa.nulls(self._records, arrow_type)
        wanted = integers(pairs)
        if arrow_type == pa.int64() and (self._values.types[pairs] == ord("i")).all():
            column = self._pairs.field("value").field("int_value").take(wanted)
        else:
            column = convert(self._values.text.take(wanted), arrow_type)
        if len(pairs) == self._records:
            return column
        position = np.zeros(self._records, np.int32)
        present = np.zeros(self._records, np.bool_)
        rows = self._by_key.rows[pairs]
        position[rows] = np.arange(len(pairs))
        present[rows] = True
        return column.take(integers(position, present))

    def _raw(self, repeated: Ints) -> Any:
        """The exact lists of the records in which text and type lose something."""
        pairs = [repeated]
        if self._values.inexact is not None:
            pairs.append(np.flatnonzero(self._values.inexact))
        string_table_keys = numbers(self._pairs.field("key_strindex"))
        if string_table_keys.any():
            pairs.append(np.flatnonzero(string_table_keys))
        rows = np.unique(self._by_key.rows[np.concatenate(pairs)])
        if not len(rows):
            return pa.nulls(self._records, pa.binary())
        column: list[bytes | None] = [None] * self._records
        for row in rows.tolist():
            start, end = self._offsets[row : row + 2].tolist()
            column[row] = _serialize(self._pairs.slice(start, end - start))
        return pa.array(column, pa.binary())


class _ByKey:
    """The pairs of all lists sorted by key, in wire order where keys are equal.

    One stable sort of the key numbers (of 16 bits where possible, which numpy sorts by radix) finds
    both the duplicate keys and the pairs of every typed column.
    """

    def __init__(self, keys: Any, offsets: Ints) -> None:
        encoded = keys.dictionary_encode()
        self._keys = encoded.dictionary
        codes = encoded.indices.to_numpy()
        if len(self._keys) <= 2**16:
            codes = codes.astype(np.uint16)
        self.rows = parents(offsets)
        self._order = np.argsort(codes, kind="stable")
        self._starts = np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=1))))
        self._repeated = self._find_repeated(codes)

    def _find_repeated(self, codes: Ints) -> Flags:
        codes, rows = codes[self._order], self.rows[self._order]
        repeated = np.zeros(len(codes), np.bool_)
        repeated[1:] = (codes[1:] == codes[:-1]) & (rows[1:] == rows[:-1])
        return repeated

    @cached_property
    def repeated_pairs(self) -> npt.NDArray[np.int64]:
        """The pairs whose key an earlier pair of the same list has."""
        return self._order[self._repeated]

    def find(self, keys: list[str]) -> list[Ints | None]:
        """For each key the first pair of every list that has it; None if no list has."""
        codes = pc.index_in(pa.array(keys, pa.string()), value_set=self._keys).to_pylist()
        return [None if code is None else self._pairs_of(code) for code in codes]

    def _pairs_of(self, code: int) -> Ints:
        part = slice(self._starts[code], self._starts[code + 1])
        pairs = self._order[part]
        return pairs[~self._repeated[part]] if len(self.repeated_pairs) else pairs


def _serialize(pairs: Any) -> bytes:
    # In pieces, since Python objects are large; lists on the wire join like their bytes.
    return b"".join(
        _key_values(pairs.slice(start, _PIECE)).SerializeToString()
        for start in range(0, len(pairs), _PIECE)
    )


def _key_values(pairs: Any) -> KeyValueList:
    exact = KeyValueList()
    for pair in pairs.to_pylist():
        item = exact.values.add(key=pair["key"], key_strindex=pair["key_strindex"])
        if pair["value"] is not None:
            item.value.SetInParent()
            fill(item.value, pair["value"])
    return exact

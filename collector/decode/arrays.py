"""Small moves between Arrow arrays and numpy that several decoders need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


def open_list(lists: Any) -> tuple[Ints, Any]:
    """Offsets from zero and the values of a list array without NULLs."""
    offsets = lists.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    return offsets - first, lists.values.slice(first, last - first)


def list_of_structs(lists: Any, item: Any, columns_of: Callable[[Any], dict[str, Any]]) -> Any:
    """Lists of structs of type `item`, whose fields `columns_of` makes from the flat values."""
    offsets, values = open_list(lists)
    if len(values):
        columns = columns_of(values)
        structs = pa.StructArray.from_arrays([columns[f.name] for f in item], fields=list(item))
    else:
        structs = pa.nulls(0, item)
    return pa.ListArray.from_arrays(integers(offsets.astype(np.int32)), structs, pa.list_(item))


def signed_lists(lists: Any) -> Any:
    """Lists of uint64 as lists of int64, two's complement."""
    offsets, values = open_list(lists)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(integers(offsets.astype(np.int32)), signed(values), mask=mask)


def parents(offsets: Ints) -> Ints:
    """For every value the index of the list it lies in."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def integers(values: Ints, valid: Flags | None = None) -> Any:
    """The same integers as an Arrow array of the same width, NULL where not valid.

    Faster than pa.array, which looks for pandas each time.
    """
    nulls = None if valid is None else validity(valid)
    arrow_type = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(arrow_type, len(values), [nulls, pa.py_buffer(values)])


def validity(valid: Flags) -> Any:
    """The Arrow validity buffer of these flags, or None where all are valid."""
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def strings(offsets: Ints, data: npt.NDArray[np.uint8], valid: Flags) -> Any:
    """A string array over UTF-8 that lies ready in `data`."""
    buffers = [validity(valid), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.StringArray.from_buffers(len(offsets) - 1, buffers[1], buffers[2], buffers[0])


def none_if_empty(texts: Any) -> Any:
    """The same strings with NULL for ''."""
    empty = pc.equal(pc.binary_length(texts), 0)
    return pc.if_else(empty, None, texts) if empty.true_count else texts


def signed(unsigned: Any) -> Any:
    """uint64 as int64, two's complement; uint32 as int64."""
    if unsigned.type == pa.uint64():
        return unsigned.view(pa.int64())
    return unsigned.cast(pa.int64())


def letters(codes: npt.NDArray[np.uint8], valid: Flags) -> Any:
    """One ASCII character a row, NULL where not valid."""
    offsets = np.concatenate(([0], np.cumsum(valid)))
    return strings(offsets, codes[valid], valid)


def numbers(column: Any) -> npt.NDArray[Any]:
    """The values of a numeric array, 0 where NULL."""
    values: npt.NDArray[Any] = column.fill_null(0).to_numpy(zero_copy_only=False)
    return values

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
    if not len(values):
        return pa.repeat(pa.scalar([], pa.list_(item)), len(lists))
    columns = columns_of(values)
    structs = pa.StructArray.from_arrays([columns[f.name] for f in item], fields=list(item))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, pa.list_(item))


def parents(offsets: Ints) -> Ints:
    """For every value the index of the list it lies in."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


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


def numbers(column: Any) -> npt.NDArray[Any]:
    """The values of a numeric array, 0 where NULL."""
    values: npt.NDArray[Any] = column.fill_null(0).to_numpy(zero_copy_only=False)
    return values

"""The order of a waterfall: each span below its parent, siblings by start, with its depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]

NONE = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """Row by row from the top: which item it is, how deep, and the row of its parent (or NONE)."""

    items: Ints
    depths: Ints
    parents: Ints


def parent_items(keys: pa.ChunkedArray, parents: pa.ChunkedArray) -> Ints:
    """For each item the index of its parent, or NONE. Of two items of one key the first counts.

    A root's parent is NULL.
    """
    found = pa.compute.index_in(parents, value_set=keys.combine_chunks(), skip_nulls=True)
    items: Ints = found.fill_null(NONE).to_numpy().astype(np.int64)
    return items


def in_order(parents: Ints, starts: Ints) -> Tree:
    """The tree of items whose `parents` are indices or NONE.

    What hangs in a circle begins a tree of its own at its earliest item.
    """
    count = len(parents)
    by_start = np.argsort(starts, kind="stable")
    # Siblings from the last to the first: a stack gives back the last that was put on it first.
    backwards = by_start[::-1]
    by_parent = backwards[np.argsort(parents[backwards], kind="stable")]
    edges = np.searchsorted(parents[by_parent], np.arange(NONE, count + 1)).tolist()
    children, above = by_parent.tolist(), parents.tolist()
    items: list[int] = []
    row_of = [NONE] * (count + 1)  # the last one is NONE's
    waiting = children[: edges[1]]
    for root in (NONE, *by_start.tolist()):
        if root != NONE and row_of[root] == NONE:
            waiting.append(root)
        while waiting:
            item = waiting.pop()
            if row_of[item] != NONE:
                continue
            row_of[item] = len(items)
            items.append(item)
            waiting += children[edges[item + 1] : edges[item + 2]]
    rows = [row_of[above[item]] for item in items]
    depths: list[int] = []
    for row, parent_row in enumerate(rows):
        if parent_row >= row:  # the circle is cut here
            rows[row] = parent_row = NONE
        depths.append(0 if parent_row == NONE else depths[parent_row] + 1)
    return Tree(np.array(items, np.int64), np.array(depths, np.int64), np.array(rows, np.int64))

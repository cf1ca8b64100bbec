"""A waterfall's order: parents before children, siblings by start, nothing lost to bad parents."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.web.tree import NONE, Tree, in_order, parent_items


def tree(parents: list[int], starts: list[int]) -> Tree:
    return in_order(np.array(parents, np.int64), np.array(starts, np.int64))


def test_children_follow_their_parent_in_the_order_of_their_starts() -> None:
    ordered = tree([NONE, 0, 0, 1], [0, 30, 10, 31])
    assert ordered.items.tolist() == [0, 2, 1, 3]
    assert ordered.depths.tolist() == [0, 1, 1, 2]
    assert ordered.parents.tolist() == [NONE, 0, 0, 2]


def test_a_circle_is_a_tree_that_begins_at_its_earliest_item() -> None:
    ordered = tree([1, 0, 2, NONE], [5, 3, 4, 9])
    assert ordered.items.tolist() == [3, 1, 0, 2]
    assert ordered.depths.tolist() == [0, 0, 1, 0]


def test_nothing_at_all_is_an_empty_tree() -> None:
    assert tree([], []).items.tolist() == []


def test_of_two_items_of_one_key_the_first_is_the_parent() -> None:
    keys = pa.chunked_array([["t/a", "t/a"], ["t/b", "u/c"]])
    parents = pa.chunked_array([[None, None], ["t/a", "u/a"]], pa.string())
    assert parent_items(keys, parents).tolist() == [NONE, NONE, 0, NONE]


@st.composite
def _forests(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    count = draw(st.integers(0, 30))
    parents = st.lists(st.integers(NONE, count - 1), min_size=count, max_size=count)
    starts = st.lists(st.integers(0, 5), min_size=count, max_size=count)
    return draw(parents), draw(starts)


@given(_forests())
def test_each_item_has_one_row_below_its_parents_row(forest: tuple[list[int], list[int]]) -> None:
    parents, starts = forest
    ordered = tree(parents, starts)
    assert sorted(ordered.items.tolist()) == list(range(len(parents)))
    rows = zip(ordered.items, ordered.depths, ordered.parents, strict=True)
    for row, (item, depth, parent_row) in enumerate(rows):
        if parent_row == NONE:
            assert depth == 0
        else:
            assert parent_row < row
            assert ordered.items[parent_row] == parents[item]
            assert depth == ordered.depths[parent_row] + 1

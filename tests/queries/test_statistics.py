"""The exact test and the bootstrap give what their definitions say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.queries.statistics import mcnemar_p, mean_difference


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 0.0625), (1, 9, 22 / 1024), (9, 1, 22 / 1024)],
)
def test_mcnemar_is_the_two_sided_binomial_tail(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar_p(only_a, only_b) == p


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_symmetric_and_a_probability(only_a: int, only_b: int) -> None:
    p = mcnemar_p(only_a, only_b)
    assert p == mcnemar_p(only_b, only_a)
    assert 0 < p <= 1
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    assert p == min(1.0, 2 * tail / 2**n)


def test_mcnemar_of_thousands_of_pairs_is_no_overflow() -> None:
    assert mcnemar_p(5000, 5100) == pytest.approx(0.3246, abs=1e-4)
    assert mcnemar_p(0, 5000) == 0.0


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_p(-1, 2)


def test_the_interval_holds_the_mean_and_is_the_same_every_time() -> None:
    tasks = [f"t{i % 20}" for i in range(60)]
    values = [float((i * 7) % 11) for i in range(60)]
    interval = mean_difference(tasks, values)
    assert interval == mean_difference(tasks, values)
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < interval.mean < interval.high
    assert (interval.pairs, interval.tasks) == (60, 20)
    assert interval.mean == pytest.approx(sum(values) / 60)


def test_a_constant_difference_has_no_width() -> None:
    interval = mean_difference(["a", "b", "c"], [2.0, 2.0, 2.0])
    assert interval is not None
    assert (interval.low, interval.mean, interval.high) == (2.0, 2.0, 2.0)


def test_repeats_of_one_task_make_no_interval_and_no_pair_makes_nothing() -> None:
    interval = mean_difference(["a", "a", "a"], [1.0, 2.0, 3.0])
    assert interval is not None
    assert (interval.mean, interval.low, interval.high, interval.tasks) == (2.0, None, None, 1)
    assert mean_difference([], []) is None


def test_more_repeats_of_the_same_tasks_do_not_narrow_the_interval() -> None:
    once = mean_difference(["a", "b", "c", "d"], [1.0, 2.0, 3.0, 4.0])
    often = mean_difference(["a", "b", "c", "d"] * 50, [1.0, 2.0, 3.0, 4.0] * 50)
    assert once is not None
    assert often is not None
    assert once.low == often.low
    assert once.high == often.high

"""Statistics that SQL cannot do portably: an exact test and a bootstrap, for two sides compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 5000
SEED = 20260528
"""Fixed, so that the same runs always give the same interval."""

_DRAWS_AT_ONCE = 1_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the ends of its 95 % interval; the ends are None with fewer than two tasks."""

    mean: float
    low: float | None
    high: float | None
    pairs: int
    tasks: int


def mcnemar_p(only_a: int, only_b: int) -> float:
    """McNemar's exact two-sided p-value of paired verdicts.

    `only_a` pairs were passed by a alone, `only_b` by b alone; pairs with the same verdict say
    nothing. It is the chance, if both were equally good, of a split at least as uneven (binomial,
    p = 1/2). Without any such pair it is 1. Raises ValueError on a negative count.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError("counts of pairs cannot be negative")
    n, ways, splits = only_a + only_b, 0, 1
    for k in range(min(only_a, only_b) + 1):
        ways += splits
        splits = splits * (n - k) // (k + 1)
    # Of integers, so that no power of two is too large for it.
    return min(1.0, float(2 * ways / 2**n))


def mean_difference(tasks: Sequence[str], differences: Sequence[float]) -> Interval | None:
    """The mean of paired differences with its 95 % percentile bootstrap interval.

    `tasks[i]` is the task of `differences[i]`. Whole tasks are drawn, since repeats of one task are
    not independent. None without a pair.
    """
    if len(tasks) != len(differences):
        raise ValueError("every difference needs its task")
    if not differences:
        return None
    values = np.asarray(differences, dtype=np.float64)
    _, place = np.unique(np.asarray(tasks), return_inverse=True)
    sums: Floats = np.bincount(place, weights=values).astype(np.float64)
    sizes: Floats = np.bincount(place).astype(np.float64)
    mean = float(values.mean())
    if len(sums) < 2:
        return Interval(mean, None, None, len(values), len(sums))
    low, high = np.quantile(_resampled_means(sums, sizes), [0.025, 0.975])
    return Interval(mean, float(low), float(high), len(values), len(sums))


def _resampled_means(sums: Floats, sizes: Floats) -> Floats:
    random = np.random.default_rng(SEED)
    tasks = len(sums)
    means = []
    step = max(1, _DRAWS_AT_ONCE // tasks)
    for start in range(0, RESAMPLES, step):
        drawn = random.integers(tasks, size=(min(step, RESAMPLES - start), tasks))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)

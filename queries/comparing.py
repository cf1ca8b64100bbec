"""Two agents, or two models, on the same tasks: what the pairs of `comparison` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .statistics import Interval, mcnemar_p, mean_difference

Pair = Mapping[str, Any]
"""A row of the view `comparison`, by column."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the valid pairs show; differences are a minus b, and None where nobody knows them."""

    differs_in: str
    """What differs: `agent` or `model`."""
    a: str
    b: str
    tasks: int
    pairs: int
    left_out: int
    """Pairs of which one run was spoiled or has no verdict."""
    both_passed: int
    only_a: int
    only_b: int
    neither: int
    mcnemar_p: float
    wall_ms: Interval | None
    """Pairs that both passed: who fails fast is not quick."""
    tokens: Interval | None
    """Of the same pairs, those whose tokens are known."""


def compare(pairs: Sequence[Pair]) -> Comparison:
    """Compare the two sides of one or more pairs with the same `differs_in`, `a` and `b`."""
    first, valid = pairs[0], [pair for pair in pairs if pair["is_valid"]]
    passed = [(bool(pair["pass_a"]), bool(pair["pass_b"])) for pair in valid]
    only_a, only_b = passed.count((True, False)), passed.count((False, True))
    both = [pair for pair in valid if pair["pass_a"] and pair["pass_b"]]
    return Comparison(
        differs_in=first["differs_in"],
        a=first["a"],
        b=first["b"],
        tasks=len({pair["task"] for pair in valid}),
        pairs=len(valid),
        left_out=len(pairs) - len(valid),
        both_passed=len(both),
        only_a=only_a,
        only_b=only_b,
        neither=passed.count((False, False)),
        mcnemar_p=mcnemar_p(only_a, only_b),
        wall_ms=_difference(both, "wall_a_ms", "wall_b_ms"),
        tokens=_difference(both, "tokens_a", "tokens_b"),
    )


def _difference(pairs: Sequence[Pair], a: str, b: str) -> Interval | None:
    known = [pair for pair in pairs if pair[a] is not None and pair[b] is not None]
    return mean_difference(
        [pair["task"] for pair in known], [float(pair[a] - pair[b]) for pair in known]
    )

"""`spanscore compare A B`: two agents, or two models, on the same tasks."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from typing import Any, Literal

import orjson
from rich.console import Console

from spanscore.queries.comparing import Comparison, compare
from spanscore.queries.statistics import Interval

from ..config import Settings
from .runs import quoted
from .show import rows_of


class NothingInCommonError(Exception):
    """The two sides have no task in common; the message says what there is to compare."""


def compare_two(settings: Settings, a: str, b: str, form: Literal["table", "json", "csv"]) -> None:
    """Print what the runs of a and b on the same tasks show; differences are a minus b.

    Raises NothingInCommonError, QueryError, DatabaseError, InboxError and ClientError.
    """
    sides = f"a = {quoted(a)} AND b = {quoted(b)}"
    pairs = rows_of(settings, f"FROM comparison WHERE {sides} ORDER BY shared, task, nth")
    if not pairs:
        raise NothingInCommonError(_what_there_is(settings, a, b))
    result = compare(pairs)
    if form == "json":
        print(orjson.dumps([_flat(result)], option=orjson.OPT_INDENT_2).decode())
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, _flat(result), lineterminator="\n")
        writer.writeheader()
        writer.writerow(_flat(result))
    else:
        _say(result)


def _what_there_is(settings: Settings, a: str, b: str) -> str:
    rows = rows_of(settings, "SELECT DISTINCT differs_in, a FROM comparison ORDER BY differs_in, a")
    names: dict[str, list[str]] = {"agent": [], "model": []}
    for row in rows:
        names[row["differs_in"]].append(row["a"])
    return (
        f"{a} and {b} have no task in common. There is something to compare among the agents: "
        f"{', '.join(names['agent']) or 'none'}; among the models: "
        f"{', '.join(names['model']) or 'none'}"
    )


def _flat(result: Comparison) -> dict[str, Any]:
    """One level: `wall_ms_mean`, `wall_ms_low` and so on for the intervals."""
    flat: dict[str, Any] = {}
    for name, value in asdict(result).items():
        if name in ("wall_ms", "tokens"):
            parts = value or dict.fromkeys(Interval.__slots__)
            flat |= {f"{name}_{part}": parts[part] for part in Interval.__slots__}
        else:
            flat[name] = value
    return flat


def _say(result: Comparison) -> None:
    counts = {
        "both passed": result.both_passed,
        f"only {result.a}": result.only_a,
        f"only {result.b}": result.only_b,
        "neither": result.neither,
        "left out": result.left_out,
    }
    width = max(map(len, counts)) + 2
    lines = [
        f"{result.a} and {result.b}: {result.pairs} pairs of valid runs, {result.tasks} tasks",
        *(f"  {name:<{width}}{count:>6}" for name, count in counts.items()),
        f"McNemar's exact p = {result.mcnemar_p:.4f}",
        _difference("time", result.wall_ms, 1000, "s", result),
        _difference("tokens", result.tokens, 1, "tokens", result),
    ]
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
    console.print("\n".join(lines))


def _difference(
    name: str, interval: Interval | None, unit: float, word: str, result: Comparison
) -> str:
    if interval is None:
        return f"{name}: known of no pair that both passed"
    mean = interval.mean / unit
    text = (
        f"{name}: {result.a} takes {abs(mean):.1f} {word} {'more' if mean > 0 else 'less'}, "
        f"over {interval.pairs} pairs that both passed"
    )
    if interval.low is None or interval.high is None:
        return f"{text}; one task is too few for an interval"
    return f"{text} (95 %: {interval.low / unit:+.1f} to {interval.high / unit:+.1f})"

"""What a replay shows at a moment is what had happened by then."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.web import track as track_module
from spanscore.collector.web.track import track

MS = 10**6

_CALLS = pa.schema(
    [
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("is_failed", pa.bool_()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("tokens_unknown", pa.bool_()),
    ]
)
_TOOLS = pa.schema([("tool", pa.string()), ("start_ns", pa.int64())])


def calls(*rows: tuple[int, int | None, bool, int | None, int | None]) -> pa.Table:
    names = _CALLS.names
    return pa.Table.from_pylist(
        [dict(zip(names, (*row, not row[2] and None in row[3:]), strict=True)) for row in rows],
        _CALLS,
    )


def tools(*rows: tuple[str | None, int]) -> pa.Table:
    return pa.Table.from_pylist([{"tool": n, "start_ns": s} for n, s in rows], _TOOLS)


def test_calls_count_when_they_begin_and_tokens_when_they_end() -> None:
    told = track(
        calls((MS, 3 * MS, False, 10, 1), (4 * MS, 5 * MS, True, None, None)),
        tools(("edit", 3 * MS)),
        0,
    )
    assert told["at_ms"] == [1, 3, 3, 4, 5]
    assert told["calls"] == [1, 1, 1, 2, 2]
    assert told["failed"] == [0, 0, 0, 0, 1]
    assert told["input_tokens"] == [0, 10, 10, 10, 10]
    assert told["calls_without_tokens"] == [0, 0, 0, 0, 0]
    assert told["tool"] == [-1, -1, 0, 0, 0]
    assert told["tools"] == ["edit"]


def test_an_answered_call_without_tokens_makes_them_a_least_sum() -> None:
    told = track(calls((MS, None, False, None, 5)), tools(), 0)
    assert told["calls_without_tokens"][-1] == 1
    assert told["output_tokens"][-1] == 5


def test_nothing_that_happened_is_an_empty_track() -> None:
    assert track(calls(), tools(), 0)["at_ms"] == []


_moments = st.integers(0, 1000)


@given(
    st.lists(st.tuples(_moments, _moments, st.booleans(), st.integers(0, 9), st.integers(0, 9))),
    st.lists(st.tuples(st.sampled_from("abc"), _moments)),
    _moments,
)
def test_the_sums_at_a_moment_are_those_of_what_came_before(
    made: list[tuple[int, int, bool, int, int]], used: list[tuple[str, int]], at: int
) -> None:
    rows = sorted((s * MS, (s + d) * MS, f, i, o) for s, d, f, i, o in made)
    told = track(calls(*rows), tools(*sorted((n, s * MS) for n, s in used)), 0)
    last = sum(moment <= at for moment in told["at_ms"]) - 1

    def told_of(name: str) -> int:
        return told[name][last] if last >= 0 else 0

    assert told_of("calls") == sum(s <= at for s, *_ in made)
    assert told_of("tool_calls") == sum(s <= at for _, s in used)
    assert told_of("input_tokens") == sum(i for s, d, _, i, _ in made if s + d <= at)


def test_a_long_run_is_thinned_and_its_sums_stay_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_module, "MAX_SAMPLES", 50)
    monkeypatch.setattr(track_module, "MAX_TOOLS", 3)
    many = tools(*((f"tool {n}", n * MS) for n in range(1000)))
    told = track(calls(), many, 0)
    assert len(told["at_ms"]) == 50
    assert told["tool_calls"][-1] == 1000
    assert all(count == at + 1 for count, at in zip(told["tool_calls"], told["at_ms"], strict=True))
    assert told["tools"] == ["tool 0", "tool 1", "tool 2", "another"]
    assert told["tool"][-1] == 3

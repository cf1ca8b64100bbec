"""The parts of a run's time against a reference that looks at every nanosecond."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.queries import catalog
from tests.support.scored import rows

T = 1_790_000_000_000_000_000
END = 40
"""A made run lasts at most this many nanoseconds, so that the reference can visit each."""

PARTS = ("model", "retry", "tools", "agent", "start", "setup", "diff", "verify", "cleanup")
COLUMNS = dict(
    zip(
        PARTS,
        (
            "model_wait_ns", "retry_wait_ns", "tools_ns", "agent_ns", "start_overhead_ns",
            "setup_ns", "diff_ns", "verify_ns", "cleanup_ns",
        ),
        strict=True,
    )
)  # fmt: skip
ROLES = {
    "task_setup": "setup",
    "container": "agent",
    "workspace_diff": "diff",
    "verify": "verify",
    "cleanup": "cleanup",
    "adapter_run": None,
}

[SELECT] = [view.select for view in catalog.builtin() if view.name == "time_split"]


@dataclass
class Interval:
    """From `start` to `end`; an end before the start is a clock that went back."""

    start: int
    end: int | None


@dataclass
class Attempt(Interval):
    """An attempt of the call `call`."""

    call: int
    failed: bool
    main: bool


@dataclass
class Run:
    """A made run: its window, its phases, its calls and tools."""

    start: int
    end: int
    phases: dict[str, list[Interval]]
    attempts: list[Attempt] = field(default_factory=list)
    tools: list[Interval] = field(default_factory=list)
    complete: bool = False
    native: bool = False


intervals = st.builds(
    lambda start, length: Interval(start, max(start, start + length)),
    st.integers(-5, END + 5),
    st.integers(-3, END),
)
attempts = st.builds(
    lambda start, length, ended, call, failed, main: Attempt(
        start, start + length if ended else None, call, failed, main
    ),
    st.integers(-5, END + 5),
    st.integers(0, 12),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)
runs = st.builds(
    Run,
    start=st.integers(0, 5),
    end=st.integers(6, END),
    phases=st.fixed_dictionaries({}, optional={r: st.lists(intervals, max_size=2) for r in ROLES}),
    attempts=st.lists(attempts, max_size=6),
    tools=st.lists(intervals, max_size=4),
    complete=st.booleans(),
    native=st.booleans(),
)


def split(connection: duckdb.DuckDBPyConnection, made: list[Run]) -> list[dict[str, Any]]:
    """What the view says of these runs."""
    tables: dict[str, list[tuple[Any, ...]]] = {
        name: [] for name in ("runs", "stg_spans", "stg_attempts", "tool_calls")
    }
    for number, run in enumerate(made):
        tables["runs"].append(
            (
                number,
                T + run.start,
                T + run.end,
                1 - run.native,
                "native" if run.native else "adapter",
            )
        )
        for role, phases in run.phases.items():
            complete = run.complete and role == "adapter_run"
            for phase in phases:
                tables["stg_spans"].append(
                    (number, role, T + phase.start, T + (phase.end or 0), complete)
                )
        for k, attempt in enumerate(run.attempts):
            end = None if attempt.end is None else T + attempt.end
            tables["stg_attempts"].append(
                (number, attempt.call, T + attempt.start, end, attempt.failed, attempt.main, k)
            )
        for tool in run.tools:
            tables["tool_calls"].append((number, T + tool.start, T + (tool.end or 0)))
    return rows(connection, _with(tables) + f"SELECT * FROM ({SELECT}) ORDER BY run_id")


def _with(tables: dict[str, list[tuple[Any, ...]]]) -> str:
    shapes = {
        "runs": ("run_id, start_ns, end_ns, roots, source", "0, 0, 0, 0, ''"),
        "stg_spans": (
            "run_id, role, start_ns, end_ns, MAP {'spanscore.calls.complete': "
            "CASE WHEN complete THEN 'true' END} AS attributes",
            "0, '', 0, 0, true",
        ),
        "stg_attempts": (
            "run_id, call_id, start_ns, end_ns, CASE WHEN failed THEN '429' END AS error_type, "
            "CASE WHEN main THEN 'main' ELSE 'auxiliary' END AS purpose, span_id",
            "0, 0, 0, CAST(0 AS BIGINT), true, true, 0",
        ),
        "tool_calls": ("run_id, start_ns, end_ns", "0, 0, 0"),
    }
    names = {
        "runs": "run_id, start_ns, end_ns, roots, source",
        "stg_spans": "run_id, role, start_ns, end_ns, complete",
        "stg_attempts": "run_id, call_id, start_ns, end_ns, failed, main, span_id",
        "tool_calls": "run_id, start_ns, end_ns",
    }
    texts = []
    for name, (select, example) in shapes.items():
        values = ", ".join(
            "(" + ", ".join(_literal(value) for value in row) + ", true)" for row in tables[name]
        )
        made = f"({example}, false)" + (f", {values}" if values else "")
        texts.append(
            f"{name} AS (SELECT {select} FROM (VALUES {made}) AS t({names[name]}, is_made) "
            "WHERE is_made)"
        )
    return f"WITH {', '.join(texts)} "


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


def reference(run: Run) -> dict[str, int | None]:
    """The same, a nanosecond at a time."""
    found: dict[str, list[Interval]] = {part: [] for part in PARTS}
    for role, phases in run.phases.items():
        part = ROLES[role]
        if part:
            found[part] += phases
    adapter, container = run.phases.get("adapter_run"), run.phases.get("container")
    if adapter and container:
        begins = min(p.start for p in container)
        found["start"].append(Interval(min(p.start for p in adapter), begins))
    found["tools"] = run.tools
    ends = max((p.end or 0 for p in container or adapter or []), default=run.end)
    last = max((a.start for a in run.attempts), default=0)
    for number, attempt in enumerate(run.attempts):
        end = attempt.start if attempt.end is None else attempt.end
        found["model"].append(Interval(attempt.start, end))
        later = [
            (other.start, k) for k, other in enumerate(run.attempts)
            if other.call == attempt.call and _order(other, k) > _order(attempt, number)
        ]  # fmt: skip
        if attempt.failed and later:
            found["retry"].append(Interval(end, min(later)[0]))
        elif attempt.failed and attempt.main and attempt.start == last:
            found["retry"].append(Interval(end, ends))
    counts: dict[str, int] = dict.fromkeys((*PARTS, "rest"), 0)
    for at in range(run.start, run.end):
        under_way = [
            part for part in PARTS if any(i.start <= at < (i.end or 0) for i in found[part])
        ]
        counts[under_way[0] if under_way else "rest"] += 1
    return _told(run, counts)


def _order(attempt: Attempt, number: int) -> tuple[int, float, int]:
    """Attempts of one start are ordered by their end, an unknown one last."""
    return attempt.start, float("inf") if attempt.end is None else attempt.end, number


def _told(run: Run, counts: dict[str, int]) -> dict[str, int | None]:
    watched = {part: bool(run.phases.get(role)) for role, part in ROLES.items() if part}
    watched["start"] = bool(run.phases.get("adapter_run") and run.phases.get("container"))
    complete = run.complete and bool(run.phases.get("adapter_run"))
    watched["model"] = watched["retry"] = bool(run.attempts) or complete
    watched["tools"] = bool(run.tools) or complete
    told: dict[str, int | None] = {
        COLUMNS[part]: counts[part] if watched[part] else None for part in PARTS
    }
    return {**told, "unattributed_ns": counts["rest"], "total_ns": run.end - run.start}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


@settings(max_examples=100)
@given(made=st.lists(runs, min_size=1, max_size=20))
def test_every_nanosecond_goes_to_the_first_part_under_way(
    connection: duckdb.DuckDBPyConnection, made: list[Run]
) -> None:
    for run, told in zip(made, split(connection, made), strict=True):
        assert {name: told[name] for name in reference(run)} == reference(run)


@settings(max_examples=20)
@given(made=st.lists(runs, min_size=1, max_size=20))
def test_the_parts_add_up_to_the_total(
    connection: duckdb.DuckDBPyConnection, made: list[Run]
) -> None:
    for told in split(connection, made):
        parts = [told[name] or 0 for name in (*COLUMNS.values(), "unattributed_ns")]
        assert sum(parts) == told["total_ns"]


def test_a_run_without_an_end_has_no_total_but_keeps_the_parts_that_were_measured(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run = Run(0, 30, {"task_setup": [Interval(0, 7)]}, tools=[Interval(10, 15)])
    tables_of_an_open_run = split(connection, [run])
    assert tables_of_an_open_run[0]["total_ns"] == 30
    [told] = rows(
        connection,
        _with(
            {
                "runs": [(0, T, T + 30, 0, "adapter")],
                "stg_spans": [(0, "task_setup", T, T + 7, False)],
                "stg_attempts": [],
                "tool_calls": [(0, T + 10, T + 15)],
            }
        )
        + f"SELECT * FROM ({SELECT})",
    )
    assert (told["total_ns"], told["unattributed_ns"]) == (None, None)
    assert (told["setup_ns"], told["tools_ns"], told["agent_ns"]) == (7, 5, None)

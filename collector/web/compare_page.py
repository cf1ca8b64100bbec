"""`/compare`: two agents or models over the same tasks, or two runs on one axis of time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import duckdb
from aiohttp import web

from spanscore.queries.comparing import compare

from .pages import PageError, Site, page
from .reads import Row, rows

MAX_PAIRS = 5_000
MAX_BARS = 2_000

_SIDES = "SELECT DISTINCT differs_in, a FROM comparison ORDER BY differs_in, a"

_PAIRS = """
SELECT * FROM comparison WHERE differs_in = $differs_in AND a = $a AND b = $b
ORDER BY task, shared, nth LIMIT {limit}
"""

_RUN = """
SELECT
    r.run_id, r.agent, r.model, r.task, r.status, r.source, r.start_ns, r.end_ns, s.outcome,
    s.failure_class, s.composite, s.wall_clock_ms, s.total_tokens, s.model_calls,
    s.model_call_ms, s.cost_usd, e.grade, e.citable
FROM runs AS r LEFT JOIN scores AS s USING (run_id) LEFT JOIN evidence AS e USING (run_id)
WHERE r.run_id = $run
"""

_BARS = """
SELECT * FROM (
    SELECT 'phases' AS lane, role AS kind, role AS text, start_ns, end_ns
    FROM phases WHERE run_id = $run AND role NOT IN ('cell_run', 'adapter_run', 'apply_plugins')
    UNION ALL
    SELECT 'model calls', CASE WHEN error_type IS NULL THEN 'model_call' ELSE 'failed' END,
        concat_ws(' ', request_model, error_type), start_ns, end_ns
    FROM model_calls WHERE run_id = $run
    UNION ALL
    SELECT 'tool calls', CASE WHEN is_error THEN 'failed' ELSE 'tool_call' END, tool, start_ns,
        end_ns
    FROM tool_calls WHERE run_id = $run
)
WHERE start_ns IS NOT NULL ORDER BY start_ns LIMIT {limit}
"""

LANES = ("phases", "model calls", "tool calls")


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run and its bars; times in ns since its start, so that two runs share one axis."""

    run: Row
    bars: list[Row]

    @property
    def length_ns(self) -> int:
        """From its start to the last thing seen."""
        ends = [bar["end_ns"] for bar in self.bars]
        return int(max(self.run["end_ns"] - self.run["start_ns"], *ends, 1))


def find_sides(cursor: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The agents, and the models, that have a task in common with another one."""
    found: dict[str, list[str]] = {"agent": [], "model": []}
    for row in rows(cursor, _SIDES):
        found[row["differs_in"]].append(row["a"])
    return found


def find_pairs(
    cursor: duckdb.DuckDBPyConnection, differs_in: str, a: str, b: str
) -> tuple[dict[str, Any], list[Row]]:
    """What the pairs show, and the pairs. Raises PageError where there is none."""
    sides = {"differs_in": differs_in, "a": a, "b": b}
    pairs = rows(cursor, _PAIRS.format(limit=MAX_PAIRS), sides)
    if not pairs:
        raise PageError(
            404, f"{a} and {b} have no task in common.", way="/compare", text="What can be compared"
        )
    return asdict(compare(pairs)), pairs


def find_timeline(cursor: duckdb.DuckDBPyConnection, run_id: str) -> Timeline:
    """One run with its phases, model calls and tool calls. Raises PageError for an unknown one."""
    found = rows(cursor, _RUN, {"run": run_id})
    if not found:
        raise PageError(404, f"There is no run {run_id!r}.")
    run = found[0]
    if run["start_ns"] is None or run["end_ns"] is None:
        raise PageError(404, f"Nobody told when the run {run_id} began and ended.")
    bars = rows(cursor, _BARS.format(limit=MAX_BARS), {"run": run_id})
    for bar in bars:
        bar["end_ns"] = (bar["end_ns"] or run["end_ns"]) - run["start_ns"]
        bar["start_ns"] -= run["start_ns"]
    return Timeline(run, bars)


def ticks(length_ns: int) -> list[int]:
    """At most seven moments of the axis, ns, in steps that people count in."""
    steps_s = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step_ns = next((int(s * 1e9) for s in steps_s if length_ns <= s * 6e9), length_ns // 6 or 1)
    return list(range(0, length_ns + 1, step_ns))


def add_compare_routes(app: web.Application, site: Site) -> None:
    """Serve the comparison: `?in=agent&a=A&b=B`, or `?run=R1&run=R2`, or what can be compared."""

    async def comparison(request: web.Request) -> web.Response:
        runs = request.query.getall("run", [])
        if runs:
            if len(runs) != 2:
                raise PageError(400, "Two runs are compared: name both with ?run=A&run=B.")
            sides = [await site.reads.run(find_timeline, run) for run in runs]
            length_ns = max(side.length_ns for side in sides)
            return page(
                "compare_runs.html",
                here="/compare",
                sides=sides,
                lanes=LANES,
                length_ns=length_ns,
                ticks=ticks(length_ns),
            )
        a, b = request.query.get("a", ""), request.query.get("b", "")
        differs_in = "model" if request.query.get("in") == "model" else "agent"
        choices = await site.reads.run(find_sides)
        found = await site.reads.run(find_pairs, differs_in, a, b) if a and b else (None, [])
        return page(
            "compare.html",
            here="/compare",
            choices=choices,
            differs_in=differs_in,
            a=a,
            b=b,
            result=found[0],
            pairs=found[1],
            limit=MAX_PAIRS,
        )

    app.router.add_get("/compare", comparison)

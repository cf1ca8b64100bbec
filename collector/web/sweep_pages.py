"""`/sweeps` and `/sweeps/{sweep}`: how far a sweep is, and each cell's runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb
from aiohttp import web

from .pages import PageError, Site, page
from .reads import Row, rows

OUTCOMES = ("pass", "violation", "fail", "unknown", "spoiled", "running")
MAX_SWEEPS = 200
MAX_RUNS = 20_000

_SIZE = """
SELECT
    n.sweep_id, CAST(p.attributes['spanscore.sweep.cells'] AS BIGINT) AS cells,
    CAST(p.attributes['spanscore.sweep.repeats'] AS BIGINT) AS repeats
FROM (
    SELECT sweep_id, arg_max(run_id, started_at) AS run_id
    FROM runs WHERE sweep_id IS NOT NULL GROUP BY sweep_id
) AS n
JOIN phases AS p ON p.run_id = n.run_id AND p.role = 'cell_run'
"""
"""What the newest run of each sweep says of the sweep's size, which may have grown."""

_SWEEPS = """
WITH size AS ({size})
SELECT
    r.sweep_id, count(*) AS runs, any_value(z.cells * z.repeats) AS planned,
    count(DISTINCT r.cell_id) AS cells,
    count(DISTINCT r.agent) AS agents, count(DISTINCT r.model) AS models,
    count(DISTINCT r.task) AS tasks, min(r.started_at) AS started_at,
    max(coalesce(r.ended_at, r.started_at)) AS seen_at,
    count(*) FILTER (WHERE r.status = 'running') AS running,
    count(*) FILTER (WHERE s.outcome = 'pass') AS passed,
    count(*) FILTER (WHERE s.outcome = 'spoiled') AS spoiled
FROM runs AS r LEFT JOIN scores AS s USING (run_id) LEFT JOIN size AS z USING (sweep_id)
WHERE r.sweep_id IS NOT NULL
GROUP BY r.sweep_id ORDER BY seen_at DESC NULLS LAST, r.sweep_id LIMIT {limit}
"""

_RUNS = """
SELECT
    r.run_id, r.cell_id, r.agent, r.model, r.task, r.attempt, r.status, r.source, r.started_at,
    s.outcome, s.failure_class, s.composite, e.citable
FROM runs AS r LEFT JOIN scores AS s USING (run_id) LEFT JOIN evidence AS e USING (run_id)
WHERE r.sweep_id = $sweep
ORDER BY r.task, r.agent, r.model, r.attempt, r.started_at LIMIT {limit}
"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The runs of a sweep as a table: a row a task, a column an agent and model."""

    sweep_id: str
    runs: list[Row]
    planned_cells: int | None = None
    """None where no run says how many the sweep has."""
    planned_repeats: int | None = None

    @property
    def planned(self) -> int | None:
        """How many runs the sweep is to come to, further attempts at spoiled ones not counted."""
        if self.planned_cells is None or self.planned_repeats is None:
            return None
        return self.planned_cells * self.planned_repeats

    @property
    def ended(self) -> int:
        """How many of the planned runs have ended."""
        ended = Counter(run["cell_id"] for run in self.runs if run["status"] != "running")
        most = self.planned_repeats
        return sum(n if most is None else min(n, most) for n in ended.values())

    @property
    def columns(self) -> list[tuple[str | None, str | None]]:
        """Each agent and model, in order."""
        return sorted({(run["agent"], run["model"]) for run in self.runs}, key=str)

    @property
    def cells(self) -> dict[str | None, dict[tuple[str | None, str | None], list[Row]]]:
        """The runs of each task by agent and model."""
        found: dict[str | None, dict[tuple[str | None, str | None], list[Row]]] = {}
        for run in self.runs:
            row = found.setdefault(run["task"], {})
            row.setdefault((run["agent"], run["model"]), []).append(run)
        return found

    @property
    def tally(self) -> dict[str, int]:
        """How many runs came to each outcome."""
        found = dict.fromkeys(OUTCOMES, 0)
        for run in self.runs:
            found[outcome_of(run)] += 1
        return found


def outcome_of(run: Row) -> str:
    """The outcome, `running` for a run at work, `unknown` where nobody can tell."""
    if run["status"] == "running":
        return "running"
    return run["outcome"] if run["outcome"] in OUTCOMES else "unknown"


def find_sweeps(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    """The sweeps, the one with the newest run first."""
    return rows(cursor, _SWEEPS.format(size=_SIZE, limit=MAX_SWEEPS))


def find_sweep(cursor: duckdb.DuckDBPyConnection, sweep_id: str) -> Sweep:
    """One sweep; raises PageError for one that has no run."""
    found = rows(cursor, _RUNS.format(limit=MAX_RUNS), {"sweep": sweep_id})
    if not found:
        raise PageError(
            404, f"There is no run of a sweep {sweep_id!r}.", way="/sweeps", text="All sweeps"
        )
    size = rows(cursor, f"FROM ({_SIZE}) WHERE sweep_id = $sweep", {"sweep": sweep_id})
    told = size[0] if size else {"cells": None, "repeats": None}
    return Sweep(sweep_id, found, told["cells"], told["repeats"])


def add_sweep_routes(app: web.Application, site: Site) -> None:
    """Serve the list of sweeps and the page of each."""

    async def sweeps(_: web.Request) -> web.Response:
        found = await site.reads.run(find_sweeps)
        return page("sweeps.html", here="/sweeps", sweeps=found)

    async def sweep(request: web.Request) -> web.Response:
        found = await site.reads.run(find_sweep, request.match_info["sweep"])
        return page("sweep.html", here="/sweeps", sweep=found, outcome_of=outcome_of)

    app.router.add_get("/sweeps", sweeps)
    app.router.add_get("/sweeps/{sweep:[^/]+}", sweep)

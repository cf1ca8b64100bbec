"""`/runs`: the runs, those at work first, then the newest; its filters are its URL."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
from aiohttp import web

from .pages import Site, page
from .reads import Row, rows

LIMIT = 100

FILTERS = ("agent", "model", "task", "family", "sweep_id", "status", "outcome", "failure_class")
"""What can be asked for by `?name=value`, exactly."""

_RUNS = """
SELECT
    r.run_id, r.agent, r.agent_version, r.model, r.task, r.family, r.sweep_id, r.attempt, r.status,
    r.source, r.started_at, r.end_ns - r.start_ns AS seen_ns, s.wall_clock_ms, s.outcome,
    s.failure_class, s.pass, s.composite, s.total_tokens, s.cost_usd, o.attributed_to, e.grade,
    e.citable
FROM runs AS r
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN outcomes AS o USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE {condition}
ORDER BY r.status <> 'running', r.started_at DESC NULLS LAST, r.run_id
LIMIT {limit}
"""


def find_runs(
    cursor: duckdb.DuckDBPyConnection, filters: Mapping[str, str], limit: int = LIMIT
) -> list[Row]:
    """At most `limit` runs that pass the filters (names of FILTERS)."""
    chosen = {name: value for name, value in filters.items() if name in FILTERS}
    tests = [f"{_OF.get(name, 'r')}.{name} = ${name}" for name in chosen]
    sql = _RUNS.format(condition=" AND ".join(tests) or "true", limit=limit)
    return rows(cursor, sql, chosen)


_OF = {"outcome": "s", "failure_class": "s"}

_CHOICES = """
SELECT * FROM (
    SELECT 'agent' AS name, agent AS value, max(started_at) AS seen FROM runs GROUP BY agent
    UNION ALL SELECT 'model', model, max(started_at) FROM runs GROUP BY model
    UNION ALL SELECT 'task', task, max(started_at) FROM runs GROUP BY task
    UNION ALL SELECT 'family', family, max(started_at) FROM runs GROUP BY family
    UNION ALL SELECT 'sweep_id', sweep_id, max(started_at) FROM runs GROUP BY sweep_id
    UNION ALL SELECT 'status', status, max(started_at) FROM runs GROUP BY status
    UNION ALL SELECT 'outcome', outcome, max(started_at) FROM scores GROUP BY outcome
    UNION ALL SELECT 'failure_class', failure_class, max(started_at) FROM scores
        GROUP BY failure_class
)
WHERE value IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY name ORDER BY seen DESC NULLS LAST) <= 100
ORDER BY name, lower(value)
"""


def find_choices(cursor: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """What each filter can be: the values that there are, of many the 100 seen last."""
    found: dict[str, list[str]] = {name: [] for name in FILTERS}
    for row in rows(cursor, _CHOICES):
        found[row["name"]].append(row["value"])
    return found


def add_runs_routes(app: web.Application, site: Site) -> None:
    """Serve the list of runs, which is also where `/` leads."""

    async def runs(request: web.Request) -> web.Response:
        filters = {name: request.query[name] for name in FILTERS if request.query.get(name)}
        found = await site.reads.run(find_runs, filters)
        choices = await site.reads.run(find_choices)
        return page(
            "runs.html", here="/runs", runs=found, filters=filters, choices=choices, limit=LIMIT
        )

    async def start(_: web.Request) -> web.Response:
        raise web.HTTPFound("/runs")

    app.router.add_get("/", start)
    app.router.add_get("/runs", runs)

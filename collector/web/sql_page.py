"""`/sql`: ask SQL in the browser; the query is in the link, the answer that of `/api/sql`."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
from aiohttp import web

from .pages import Site, page
from .reads import rows

_COLUMNS = """
SELECT c.table_name AS view, c.column_name AS name, c.data_type AS type
FROM duckdb_columns() AS c JOIN duckdb_views() AS v
    ON v.schema_name = c.schema_name AND v.view_name = c.table_name AND NOT v.internal
WHERE c.schema_name = 'main' AND c.table_name NOT LIKE 'stg\\_%' ESCAPE '\\'
ORDER BY c.table_name, c.column_index
"""

FIRST = (
    "spans",
    "logs",
    "metric_points",
    "runs",
    "model_calls",
    "tool_calls",
    "failures",
    "scores",
)
"""The views that people ask most, before the others."""

EXAMPLES = (
    (
        "Why runs failed, and whose fault it was",
        """\
SELECT failure_class, attributed_to, count(*) AS runs
FROM failures GROUP BY ALL ORDER BY runs DESC""",
    ),
    (
        "Where the time of each run went",
        """\
SELECT r.agent, r.model, r.task, t.wall_ns / 1e9 AS wall_s, t.model_wait_ns / 1e9 AS model_s,
       t.retry_wait_ns / 1e9 AS retry_s, t.tools_ns / 1e9 AS tools_s
FROM time_split AS t JOIN runs AS r USING (run_id)
ORDER BY wall_s DESC LIMIT 50""",
    ),
    (
        "Tokens and cost by agent and model",
        """\
SELECT r.agent, r.model, count(DISTINCT c.run_id) AS runs,
       sum(c.input_tokens) AS input_tokens, sum(c.output_tokens) AS output_tokens,
       count(*) FILTER (WHERE c.tokens_unknown) AS calls_unknown, sum(c.cost_usd) AS cost_usd
FROM model_calls AS c JOIN runs AS r USING (run_id)
GROUP BY ALL ORDER BY cost_usd DESC""",
    ),
    (
        "Latency of model calls by hour",
        """\
SELECT date_trunc('hour', started_at) AS hour, request_model,
       quantile_cont(latency_ms, 0.5) AS p50_ms,
       quantile_cont(latency_ms, 0.95) AS p95_ms
FROM model_calls WHERE error_type IS NULL GROUP BY ALL ORDER BY hour""",
    ),
    (
        "The slowest tools",
        """\
SELECT tool, count(*) AS calls, quantile_cont(duration_ms, 0.5) AS p50_ms,
       max(duration_ms) AS max_ms, count(*) FILTER (WHERE is_error) AS failed
FROM tool_calls GROUP BY tool ORDER BY p50_ms DESC NULLS LAST LIMIT 20""",
    ),
    (
        "Any attribute of any span",
        """\
SELECT name, service_name, attributes['gen_ai.request.model'] AS model, duration_ms
FROM spans WHERE attributes['gen_ai.request.model'] IS NOT NULL
ORDER BY start_ns DESC LIMIT 50""",
    ),
)
"""Titles and queries to begin with; each runs on an empty store too."""


@dataclass(frozen=True, slots=True)
class ViewColumns:
    """A view and its columns: name and type each."""

    name: str
    columns: list[tuple[str, str]]


def find_views(cursor: duckdb.DuckDBPyConnection) -> list[ViewColumns]:
    """The public views of the store, those of the user among them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows(cursor, _COLUMNS):
        found.setdefault(row["view"], []).append((row["name"], row["type"]))

    def place(name: str) -> tuple[int, str]:
        return (FIRST.index(name) if name in FIRST else len(FIRST), name)

    return [ViewColumns(name, found[name]) for name in sorted(found, key=place)]


def add_sql_page_routes(app: web.Application, site: Site) -> None:
    """Serve the editor; `?q=` holds the query."""

    async def editor(request: web.Request) -> web.Response:
        views = await site.reads.run(find_views)
        query = request.query.get("q", "")
        return page("sql.html", here="/sql", views=views, examples=EXAMPLES, query=query)

    app.router.add_get("/sql", editor)

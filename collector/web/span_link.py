"""`GET /runs/by-span?trace=...&span=...`: from a span's ids to the page of its run.

A forwarded attribute that was shortened links here: its sender does not know the run yet.
"""

from __future__ import annotations

from urllib.parse import quote

import duckdb
from aiohttp import web

from .pages import PageError, Site
from .reads import rows


def add_span_link(app: web.Application, site: Site) -> None:
    """Serve the link; to be added before the pages of runs, whose paths it would be one of."""

    async def by_span(request: web.Request) -> web.Response:
        trace, span = request.query.get("trace", ""), request.query.get("span", "")
        run_id = await site.reads.run(_run_of, trace)
        if run_id is None:
            raise PageError(404, "There is no such span any more.")
        raise web.HTTPFound(f"/runs/{quote(run_id, safe='')}#span={quote(trace)}/{quote(span)}")

    app.router.add_get("/runs/by-span", by_span)


def _run_of(cursor: duckdb.DuckDBPyConnection, trace: str) -> str | None:
    found = rows(cursor, "SELECT run_id FROM trace WHERE trace_id = ?", [trace])
    return found[0]["run_id"] if found else None

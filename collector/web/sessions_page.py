"""`/sessions`: what agents that nobody wrapped have told of themselves."""

from __future__ import annotations

import duckdb
from aiohttp import web

from .pages import Site, page
from .reads import Row, rows

LIMIT = 200

_SESSIONS = """
SELECT
    r.run_id, r.session_id, r.agent, r.agent_version, r.model, r.service_name, r.status, r.source,
    r.started_at, r.end_ns - r.start_ns AS seen_ns, r.spans, r.logs, s.model_calls,
    s.model_attempts, s.total_tokens, s.known_prompt_tokens, s.known_completion_tokens,
    s.cost_usd, s.model_call_ms, s.outcome, f.failure_class, f.attributed_to, f.reason, e.grade,
    e.citable
FROM runs AS r
LEFT JOIN scores AS s USING (run_id)
LEFT JOIN failures AS f USING (run_id)
LEFT JOIN evidence AS e USING (run_id)
WHERE r.source = 'native'
ORDER BY r.started_at DESC NULLS LAST, r.run_id LIMIT {limit}
"""


def find_sessions(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    """The sessions of bare agents, the newest first."""
    return rows(cursor, _SESSIONS.format(limit=LIMIT))


def add_session_routes(app: web.Application, site: Site) -> None:
    """Serve the list of sessions."""

    async def sessions(_: web.Request) -> web.Response:
        found = await site.reads.run(find_sessions)
        return page("sessions.html", here="/sessions", sessions=found, limit=LIMIT)

    app.router.add_get("/sessions", sessions)

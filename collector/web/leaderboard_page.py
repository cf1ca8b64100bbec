"""`/leaderboard`: agents and models, their rates with intervals, and who is beaten by nobody."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
from aiohttp import web

from .pages import Site, page
from .reads import Row, rows

_BOARD = """
SELECT b.*, p.on_cost_frontier, p.on_time_frontier, c.citable_runs
FROM leaderboard AS b
LEFT JOIN pareto AS p ON p.agent = b.agent AND p.model IS NOT DISTINCT FROM b.model
LEFT JOIN (
    SELECT r.agent, r.model, count(*) FILTER (WHERE e.citable) AS citable_runs
    FROM runs AS r JOIN evidence AS e USING (run_id)
    WHERE r.source <> 'native' GROUP BY r.agent, r.model
) AS c ON c.agent = b.agent AND c.model IS NOT DISTINCT FROM b.model
ORDER BY b.composite DESC NULLS LAST, b.pass_rate_valid DESC NULLS LAST, b.agent, b.model
"""

CHARTED = (
    "agent",
    "model",
    "runs",
    "valid_runs",
    "pass_rate",
    "pass_rate_low",
    "pass_rate_high",
    "pass_rate_valid",
    "pass_rate_valid_low",
    "pass_rate_valid_high",
    "composite",
    "cost_usd",
    "wall_p50_ms",
    "on_cost_frontier",
    "on_time_frontier",
)
"""What the charts are drawn from; the rest is in the table alone."""


@dataclass(frozen=True, slots=True)
class Board:
    """The rows of the leaderboard, best first; `citable` where no run of a row is provisional."""

    rows: list[Row]

    @property
    def charted(self) -> list[Row]:
        """The columns that the charts need."""
        return [{name: row[name] for name in CHARTED} for row in self.rows]


def find_board(cursor: duckdb.DuckDBPyConnection) -> Board:
    """Every agent and model that was run under a harness."""
    found = rows(cursor, _BOARD)
    for row in found:
        row["citable"] = row["citable_runs"] == row["runs"]
    return Board(found)


def add_leaderboard_routes(app: web.Application, site: Site) -> None:
    """Serve the leaderboard."""

    async def leaderboard(_: web.Request) -> web.Response:
        board = await site.reads.run(find_board)
        return page("leaderboard.html", here="/leaderboard", board=board)

    app.router.add_get("/leaderboard", leaderboard)

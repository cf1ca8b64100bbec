"""`/leaderboard`: agents and models, their rates with intervals, and who is beaten by nobody."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
from aiohttp import web

from .pages import Site, page
from .reads import Row, rows

_BOARD = """
SELECT b.*, p.on_cost_frontier, p.on_time_frontier, b.citable_runs = b.runs AS citable
FROM leaderboard AS b
LEFT JOIN pareto AS p ON p.agent = b.agent AND p.model IS NOT DISTINCT FROM b.model
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
    return Board(rows(cursor, _BOARD))


def add_leaderboard_routes(app: web.Application, site: Site) -> None:
    """Serve the leaderboard."""

    async def leaderboard(_: web.Request) -> web.Response:
        board = await site.reads.run(find_board)
        return page("leaderboard.html", here="/leaderboard", board=board)

    app.router.add_get("/leaderboard", leaderboard)

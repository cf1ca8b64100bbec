"""`PUT` and `DELETE /api/pins/RUN_ID`: keep a run whatever its age, or let it go again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import duckdb
from aiohttp import web

from ..store import retention


def add_pin_routes(app: web.Application, database: Callable[[], duckdb.DuckDBPyConnection]) -> None:
    """Serve the pins of `database()`; both answers are 204, again and again."""

    async def handle(request: web.Request) -> web.Response:
        change = retention.pin if request.method == "PUT" else retention.unpin
        await asyncio.to_thread(_apply, change, request.match_info["run_id"])
        return web.Response(status=204)

    def _apply(change: Callable[[duckdb.DuckDBPyConnection, str], None], run_id: str) -> None:
        with database() as cursor:
            change(cursor, run_id)

    app.router.add_put("/api/pins/{run_id:[^/]+}", handle)
    app.router.add_delete("/api/pins/{run_id:[^/]+}", handle)

"""The web port: pages, read-only SQL, health and metrics, behind one guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
from aiohttp import web

from ..store.query import QueryLimits
from .assets import add_asset_routes
from .badge import add_badge_routes
from .compare_page import add_compare_routes
from .guard import add_security_headers, guard
from .leaderboard_page import add_leaderboard_routes
from .pages import Site, errors
from .pins import add_pin_routes
from .reads import Reads
from .run_page import add_run_routes
from .run_routes import add_run_data_routes
from .runs_page import add_runs_routes
from .saved_route import add_saved_route
from .sessions_page import add_session_routes
from .span_link import add_span_link
from .sql import add_sql_routes
from .sql_page import add_sql_page_routes
from .state import State, add_state_routes
from .stream import add_stream_route
from .sweep_pages import add_sweep_routes
from .vega import Bundle, add_vega_routes


def make_app(
    *,
    database: Callable[[], duckdb.DuckDBPyConnection],
    limits: QueryLimits,
    state: State,
    token: str,
    hosts: Sequence[str],
) -> web.Application:
    """The application of the web port.

    `database` gives a cursor of the store's connection; `token` is the read token, `hosts` the
    names under which the port may be asked for.
    """
    app = web.Application(middlewares=[guard(token=token, hosts=hosts), errors])
    app.on_response_prepare.append(add_security_headers)
    add_sql_routes(app, database, limits)
    add_stream_route(app, database)
    add_pin_routes(app, database)
    add_state_routes(app, state)
    add_page_routes(app, Reads(database, limits))
    return app


def add_page_routes(app: web.Application, reads: Reads) -> None:
    """Everything that people look at."""
    site = Site(reads)
    add_asset_routes(app)
    add_runs_routes(app, site)
    add_saved_route(app, site)
    add_span_link(app, site)
    add_leaderboard_routes(app, site)
    add_compare_routes(app, site)
    add_sweep_routes(app, site)
    add_session_routes(app, site)
    add_sql_page_routes(app, site)
    add_badge_routes(app, site)
    add_vega_routes(app, Bundle())
    add_run_routes(app, site)
    add_run_data_routes(app, site)

    async def close(_: web.Application) -> None:
        reads.close()

    app.on_cleanup.append(close)

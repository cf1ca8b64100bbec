"""The web port: read-only SQL, health and metrics, behind one guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
from aiohttp import web

from ..store.query import QueryLimits
from .guard import add_security_headers, guard
from .pins import add_pin_routes
from .sql import add_sql_routes
from .state import State, add_state_routes


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
    app = web.Application(middlewares=[guard(token=token, hosts=hosts)])
    app.on_response_prepare.append(add_security_headers)
    add_sql_routes(app, database, limits)
    add_pin_routes(app, database)
    add_state_routes(app, state)
    return app

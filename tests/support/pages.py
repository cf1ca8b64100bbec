"""The pages of a database that was made for a test, served and asked in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from spanscore.collector.inbox import Request
from spanscore.collector.store.marts import Marts
from spanscore.collector.store.query import QueryLimits
from spanscore.collector.web.app import add_page_routes
from spanscore.collector.web.pages import errors
from spanscore.collector.web.reads import Reads

from .stored import stored

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def pages_of(
    folder: Path, requests: Iterable[Request] = (), *, limits: QueryLimits | None = None
) -> AsyncIterator[Client]:
    """A client of the pages over a store that holds `requests`; no guard is before them."""
    with stored(folder) as store:
        store.put(*requests)
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
        app = web.Application(middlewares=[errors])
        add_page_routes(app, Reads(store.connection.cursor, limits or QueryLimits()))
        async with TestClient(TestServer(app)) as client:
            yield client

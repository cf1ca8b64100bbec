"""What the page of a run asks for while it is looked at: the waterfall, spans, further rows."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import orjson
from aiohttp import web

from .pages import PageError, Site
from .run_span import read_span
from .waterfall import Waterfall, read_waterfall
from .waterfall_spans import read_version

KEPT_ROWS = 500_000
"""Rows of waterfalls that are kept for those who look at them, some 150 bytes each."""


def no_run(run_id: str) -> PageError:
    """There is no such run, or it has not been computed yet."""
    shown = run_id if len(run_id) <= 80 else f"{run_id[:80]}\u2026"
    return PageError(
        404,
        f"There is no run {shown}; one that began a moment ago takes a few seconds to appear.",
    )


class Waterfalls:
    """The waterfalls that are being looked at, each of the newest version that was asked for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: OrderedDict[str, Waterfall] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def newest(self, run_id: str) -> Waterfall:
        """The waterfall as it is now. Raises PageError (404) when there is no such run."""
        lock = self._locks.setdefault(run_id, asyncio.Lock())
        try:
            async with lock:
                return await self._newest(run_id)
        finally:
            if not lock.locked():
                self._locks.pop(run_id, None)

    async def of_version(self, run_id: str, version: str) -> Waterfall:
        """The waterfall of the version that the browser has. Raises PageError (409) when it is no
        more: the browser then asks for the newest."""
        kept = self._kept.get(run_id)
        if kept is None or str(kept.version) != version:
            kept = await self.newest(run_id)
        if str(kept.version) != version:
            raise PageError(409, "The run has changed; ask for its waterfall again.")
        return kept

    async def _newest(self, run_id: str) -> Waterfall:
        run = await self._site.reads.run(read_version, run_id)
        kept = self._kept.get(run_id)
        if run is not None and kept is not None and kept.version == run["computed_at_ns"]:
            self._kept.move_to_end(run_id)
            return kept
        made = await self._site.reads.run(read_waterfall, run_id)
        if made is None:
            raise no_run(run_id)
        self._kept[run_id] = made
        self._kept.move_to_end(run_id)
        while sum(one.table.num_rows for one in self._kept.values()) > KEPT_ROWS:
            self._kept.popitem(last=False)
        return made


def add_run_data_routes(app: web.Application, site: Site) -> None:
    """Serve what the scripts of the run page ask for, below `/api/runs/{run_id}`."""
    waterfalls = Waterfalls(site)

    async def version(request: web.Request) -> web.Response:
        run_id = request.match_info["run_id"]
        run = await site.reads.run(read_version, run_id)
        if run is None:
            raise no_run(run_id)
        return _json({"version": str(run["computed_at_ns"]), "status": run["status"]})

    async def waterfall(request: web.Request) -> web.Response:
        made = await waterfalls.newest(request.match_info["run_id"])
        return web.Response(body=packed(made), content_type="application/octet-stream")

    async def texts(request: web.Request) -> web.Response:
        query = request.query
        made = await waterfalls.of_version(request.match_info["run_id"], query.get("version", ""))
        return _json(made.window(_number(query, "from"), _number(query, "to")))

    async def row(request: web.Request) -> web.Response:
        query = request.query
        made = await waterfalls.newest(request.match_info["run_id"])
        return _json({"row": made.row_of(query.get("trace", ""), query.get("span", ""))})

    async def span(request: web.Request) -> web.Response:
        query = request.query
        given = (query.get("trace", ""), query.get("span", ""), query.get("origin", ""))
        found = await site.reads.run(read_span, *given, whole="whole" in query)
        if found is None:
            raise PageError(404, "There is no such span any more.")
        return _json(found)

    base = "/api/runs/{run_id:[^/]+}"
    app.router.add_get(f"{base}/version", version)
    app.router.add_get(f"{base}/waterfall", waterfall)
    app.router.add_get(f"{base}/waterfall/texts", texts)
    app.router.add_get(f"{base}/waterfall/row", row)
    app.router.add_get(f"{base}/span", span)


def packed(waterfall: Waterfall) -> bytes:
    """About and shape in one: the length of the JSON (uint32, little-endian), 4 bytes of nothing,
    the JSON filled up with spaces to a multiple of 8, and the shape's columns."""
    about = orjson.dumps(waterfall.about)
    about += b" " * (-len(about) % 8)
    return len(about).to_bytes(8, "little") + about + waterfall.shape


def _number(query: Any, name: str) -> int:
    try:
        return int(query.get(name, ""))
    except ValueError:
        raise PageError(400, f"`{name}` must be a number.") from None


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")

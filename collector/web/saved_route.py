"""`/runs/{run_id}/saved`: the page of a run as a file to keep."""

from __future__ import annotations

import re

from aiohttp import web

from .pages import Site
from .run_routes import no_run
from .saved import saved_page


def add_saved_route(app: web.Application, site: Site) -> None:
    """Serve it as a download."""

    async def saved(request: web.Request) -> web.Response:
        run_id = request.match_info["run_id"]
        found = await site.reads.run(saved_page, run_id)
        if found is None:
            raise no_run(run_id)
        name = re.sub(r"[^\w.-]+", "-", run_id, flags=re.ASCII)[:80]
        headers = {"Content-Disposition": f'attachment; filename="run-{name}.html"'}
        return web.Response(body=found, content_type="text/html", charset="utf-8", headers=headers)

    app.router.add_get("/runs/{run_id:[^/]+}/saved", saved)

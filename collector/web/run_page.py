"""`/runs/{run_id}`: what happened, where the time went, whose fault it was, what proves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from .again import again
from .badge import badge_lines
from .pages import PageError, Site, page, page_in_parts, render
from .reads import Row
from .run_axes import axes, breakdown, parts_of_time
from .run_facts import (
    PAGE_ROWS,
    RunFacts,
    RunLists,
    read_calls,
    read_facts,
    read_identity,
    read_lists,
    read_logs,
    read_tools,
)
from .run_routes import no_run
from .run_span import CUT_CHARACTERS

HEAD_START_S = 0.1
"""For the browser to draw the top of the page, before it and the questions to the store need the
same processors; `python -m benchmarks.web` shows what that is worth."""

WORKSPACE = ("expected", "artefact", "unexpected", "forbidden")

_PARTS = {"calls": read_calls, "tools": read_tools, "logs": read_logs}


def shown(facts: RunFacts) -> dict[str, Any]:
    """What the templates of a run are filled with, its lists aside."""
    return {
        "run": facts.run,
        "failure": facts.failure,
        "axes": axes(facts),
        "breakdown": breakdown(facts),
        "time": parts_of_time(facts.run),
        "workspace": _workspace(facts),
        "verify": _verify(facts),
        "again": again(facts),
        "badge": badge_lines(facts.run),
    }


def listed(lists: RunLists) -> dict[str, Any]:
    """What the templates of a run are filled with of its lists."""
    return {
        "calls": lists.calls,
        "tools": lists.tools,
        "others": lists.others,
        "page_rows": PAGE_ROWS,
    }


def add_run_routes(app: web.Application, site: Site) -> None:
    """Serve the page of a run and the further rows of its tables."""

    async def run(request: web.Request) -> web.StreamResponse:
        run_id = request.match_info["run_id"]
        identity = await site.reads.run(read_identity, run_id)
        if identity is None:
            raise no_run(run_id)
        return await page_in_parts(request, "run.html", parts(run_id), here="/runs", run=identity)

    async def parts(run_id: str) -> AsyncIterator[str]:
        await asyncio.sleep(HEAD_START_S)
        facts = await site.reads.run(read_facts, run_id)
        if facts is None:
            raise no_run(run_id)
        values = {"offline": None, **shown(facts)}
        yield render("run_first.html", **values)
        lists = await site.reads.run(read_lists, facts.run)
        yield render("run_details.html", **values, **listed(lists))

    async def part(request: web.Request) -> web.Response:
        run_id, name = request.match_info["run_id"], request.match_info["part"]
        if name not in _PARTS:
            raise PageError(404, "There is no such page.")
        offset = _offset(request)
        found = await site.reads.run(_PARTS[name], run_id, offset)
        values: dict[str, Any] = {"run_id": run_id, "part": name, "rows": found, "offset": offset}
        return page("run_rows.html", page_rows=PAGE_ROWS, **values)

    app.router.add_get("/runs/{run_id:[^/]+}", run)
    app.router.add_get("/runs/{run_id:[^/]+}/{part}", part)


def _offset(request: web.Request) -> int:
    text = request.query.get("offset", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise PageError(400, "`offset` must be a number.")
    return int(text)


def _workspace(facts: RunFacts) -> list[Row]:
    """The four kinds of changes: how many, and the paths that were kept."""
    found = []
    for kind in WORKSPACE:
        count = facts.attribute("workspace_diff", f"spanscore.workspace.{kind}_count")
        paths = facts.texts("workspace_diff", f"spanscore.workspace.{kind}")
        found.append({"kind": kind, "count": count, "paths": paths[:200]})
    return found if "workspace_diff" in facts.phases else []


def _verify(facts: RunFacts) -> Row | None:
    """What the verifier said."""
    if "verify" not in facts.phases:
        return None
    keys = ("tests_passed", "tests_failed", "tests_regressed", "target_failed")
    told = {key: facts.attribute("verify", f"spanscore.verify.{key}") for key in keys}
    return {
        "status": facts.attribute("verify", "test.suite.run.status"),
        "counts": {key.replace("_", " "): value for key, value in told.items() if value},
        "stdout": _end(facts.attribute("verify", "spanscore.verify.stdout_tail")),
        "stderr": _end(facts.attribute("verify", "spanscore.verify.stderr_tail")),
    }


def _end(text: str | None) -> str | None:
    if text is None or len(text) <= CUT_CHARACTERS:
        return text
    return (
        f"[of {len(text):,} characters the last; the span has them all]\n{text[-CUT_CHARACTERS:]}"
    )

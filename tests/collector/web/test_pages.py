"""The frame of the pages: escaping, errors in one sentence, static files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jinja2 import ChoiceLoader, DictLoader, PackageLoader

from spanscore.collector.store.query_error import QueryError
from spanscore.collector.web import assets
from spanscore.collector.web.guard import SECURITY_HEADERS
from spanscore.collector.web.pages import (
    THEME_COOKIE,
    PageError,
    errors,
    page_in_parts,
    segment,
    templates,
)
from tests.support.harness_run import Run
from tests.support.pages import pages_of

EVIL = "<script>alert(1)</script>\u202e\"'&"


async def test_what_comes_from_spans_is_escaped(tmp_path: Path) -> None:
    async with pages_of(
        tmp_path, Run(EVIL, agent=EVIL, model=EVIL, task=EVIL).requests()
    ) as client:
        text = await (await client.get("/runs", params={"agent": EVIL})).text()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert f'href="/runs/{segment(EVIL)}"' in text


@pytest.mark.parametrize(
    ("cookie", "begins"),
    [("dark", '<html lang="en" data-theme="dark">'), ('"x', '<html lang="en">')],
)
async def test_a_page_is_written_in_the_theme_that_was_chosen(
    tmp_path: Path, cookie: str, begins: str
) -> None:
    async with pages_of(tmp_path, Run("r").requests()) as client:
        answer = await client.get("/runs", headers={"Cookie": f"{THEME_COOKIE}={cookie}"})
        assert begins in await answer.text()


async def test_the_policy_allows_the_style_that_stands_in_the_page_of_a_run(tmp_path: Path) -> None:
    async with pages_of(tmp_path, Run("r").requests()) as client:
        text = await (await client.get("/runs/r")).text()
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert assets.policy_hash(style) in SECURITY_HEADERS["Content-Security-Policy"]


ERRORS = pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (PageError(404, "There is no run x."), 404, "There is no run x."),
        (web.HTTPNotFound(), 404, "There is no such page."),
        (web.HTTPMethodNotAllowed("POST", ["GET"]), 405, "405: Method Not Allowed."),
        (QueryError("timeout", "it took too long", hint="Ask for less."), 504, "It took too long"),
        (QueryError("busy", "no room"), 503, "No room."),
        (
            duckdb.IOException("IO Error: gone\nmore"),
            500,
            "The database cannot be read: IO Error: gone.",
        ),
        (ValueError("a defect"), 500, "This page has a defect"),
    ],
)


@ERRORS
async def test_an_error_is_a_page_with_one_sentence_and_a_way_on(
    error: Exception, status: int, sentence: str
) -> None:
    async def fails(_: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[errors])
    app.router.add_get("/{path:.*}", fails)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/x")
        text = await response.text()
        assert (response.status, response.content_type) == (status, "text/html")
        assert f"<h1>{sentence}" in text
        assert 'class="button" href="/' in text
        response = await client.get("/api/x")
        assert (response.status, response.content_type) == (status, "application/json")
        assert sentence in (await response.json())["error"]["message"]


class InParts:
    """An application whose one page comes in parts, the second once `made` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made = asyncio.Event()
        self._error = error
        self.app = web.Application(middlewares=[errors])
        self.app.router.add_get("/x", self._page)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return await page_in_parts(request, "parts.html", self._parts())

    async def _parts(self) -> AsyncIterator[str]:
        yield "<p>one</p>"
        await self.made.wait()
        if self._error is not None:
            raise self._error
        yield "<p>two</p>"


@pytest.fixture
def parts_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is nothing but its parts, between a first and a last line."""
    loader = DictLoader({"parts.html": "<h1>first</h1>\n{{ later }}\n<p>last</p>"})
    chosen = ChoiceLoader([loader, PackageLoader("spanscore.collector.web", "templates")])
    monkeypatch.setattr(templates, "loader", chosen)


async def test_a_part_of_a_page_is_sent_while_the_next_is_being_made(parts_template: None) -> None:
    made = InParts()
    async with TestClient(TestServer(made.app)) as client:
        response = await client.get("/x")
        assert await response.content.readuntil(b"</p>") == b"<h1>first</h1>\n<p>one</p>"
        made.made.set()
        assert await response.text() == "<p>two</p>\n<p>last</p>"


@ERRORS
async def test_an_error_of_a_part_stands_in_its_place(
    parts_template: None, error: Exception, status: int, sentence: str
) -> None:
    made = InParts(error)
    made.made.set()
    async with TestClient(TestServer(made.app)) as client:
        response = await client.get("/x")
        text = await response.text()
    assert response.status == 200
    assert text.startswith("<h1>first</h1>\n<p>one</p>")
    assert text.endswith("<p>last</p>")
    assert f'<p class="code">{status}</p>' in text
    assert f"<h1>{sentence}" in text


async def test_static_files_are_kept_for_ever_under_their_version(tmp_path: Path) -> None:
    async with pages_of(tmp_path) as client:
        for name in assets.files():
            response = await client.get(assets.url(name))
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
            assert response.content_type in ("text/css", "text/javascript", "image/svg+xml")
        old = await client.get("/static/0123/base.css")
        assert (old.status, old.headers["Cache-Control"]) == (200, "no-store")
        assert (await client.get(f"{assets.PREFIX}{assets.version()}/none.js")).status == 404
        assert (await client.get(f"{assets.PREFIX}x/..%2f__init__.py")).status == 404

"""Pages: templates filled and sent, and errors said in one sentence with the way on."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import duckdb
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..store.query_error import QueryError
from . import assets, words
from .reads import Reads
from .sql import STATUS

NAVIGATION = (
    ("/runs", "Runs"),
    ("/leaderboard", "Leaderboard"),
    ("/compare", "Compare"),
    ("/sweeps", "Sweeps"),
    ("/sessions", "Sessions"),
    ("/sql", "SQL"),
)
"""The pages that every page links to; a page says which of them it is by `here`."""


THEME_COOKIE = "spanscore-theme"
"""`light` or `dark`, as the reader chose; without it pages look as the system says."""

_theme: ContextVar[str] = ContextVar("theme", default="")  # of the request that is answered


class PageError(Exception):
    """What cannot be shown: a sentence that says why, and the way on as a link and its text."""

    def __init__(
        self, status: int, sentence: str, *, way: str = "/runs", text: str = "All runs"
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.way = way
        self.text = text


def _environment() -> Environment:
    # What comes from spans is untrusted: escaped always, whatever a template is named.
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(words.FILTERS)
    environment.filters["segment"] = segment
    environment.globals.update(asset=assets.url, run_style=assets.run_style)
    environment.globals.update(navigation=NAVIGATION, theme=_theme.get)
    return environment


def segment(text: str) -> str:
    """Any text as one segment of a URL's path."""
    return quote(text, safe="")


templates = _environment()


def render(template: str, **values: Any) -> str:
    """A template filled."""
    return templates.get_template(template).render(**values)


def page(template: str, *, status: int = 200, **values: Any) -> web.Response:
    """The answer that shows a template filled."""
    return web.Response(text=render(template, **values), status=status, content_type="text/html")


_LATER = Markup("<!-- later -->")  # no value can hold it: all are escaped


async def page_in_parts(
    request: web.Request, template: str, parts: AsyncIterator[str], **values: Any
) -> web.StreamResponse:
    """The answer that shows a template filled, with all `parts` in the place of its `later`.

    What stands before is sent at once and each part when it is made, so that one is read while the
    next is being made. What making one raises stands in its place, and no further one follows.
    """
    first, _, last = render(template, later=_LATER, **values).partition(_LATER)
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8"})
    # Whoever has gone away needs no rest.
    with contextlib.suppress(ConnectionResetError):
        await response.prepare(request)
        await response.write(first.encode())
        async for part in _telling_errors(request, parts):
            await response.write(part.encode())
        await response.write_eof(last.encode())
    return response


async def _telling_errors(request: web.Request, parts: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        async for part in parts:
            yield part
    except Exception as error:  # noqa: BLE001 - whatever it is, the first part is out
        yield render("message.html", error=_told(request, error))


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers of pages need."""

    reads: Reads
    """`await site.reads.run(function, ...)` calls `function(cursor, ...)` beside the event loop."""


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever a handler raises becomes a page, or JSON under `/api/`."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    _theme.set(chosen if chosen in ("light", "dark") else "")
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(request, _told(request, error))
    except Exception as error:  # noqa: BLE001 - defects too are told, as such
        return _answer(request, _told(request, error))


def _told(request: web.Request, error: Exception) -> PageError:
    """What people are told of an error; what points at the collector's files or code is printed."""
    match error:
        case PageError():
            return error
        case QueryError():
            sentence = _sentence(error.message, error.hint)
            return PageError(STATUS[error.kind], sentence, way=request.path_qs, text="Try again")
        case web.HTTPException(status=404):
            return PageError(404, "There is no such page.")
        case web.HTTPException():
            return PageError(error.status, _sentence(error.text or error.reason))
        case duckdb.Error():
            print(f"spanscore: {request.path}: {error}", file=sys.stderr, flush=True)
            reason = str(error).partition("\n")[0]
            hint = "`spanscore doctor` looks at its files."
            sentence = f"The database cannot be read: {reason}. {hint}"
            return PageError(500, sentence, way=request.path_qs, text="Try again")
        case _:
            traceback.print_exception(error)
            sentence = "This page has a defect; the collector's output has its traceback."
            return PageError(500, sentence)


def _sentence(*parts: str | None) -> str:
    told = [part.strip().rstrip(".") for part in parts if part]
    text = ". ".join(part[:1].upper() + part[1:] for part in told)
    return f"{text}."


def _answer(request: web.Request, error: PageError) -> web.Response:
    if request.path.startswith("/api/"):
        members = {"kind": "request", "message": error.sentence, "hint": f"See {error.way}."}
        body = orjson.dumps({"error": members}) + b"\n"
        return web.Response(status=error.status, body=body, content_type="application/json")
    return page("error.html", status=error.status, error=error)

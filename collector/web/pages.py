"""Pages: templates filled and sent, and errors said in one sentence with the way on."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import duckdb
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, PackageLoader, StrictUndefined

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
    environment.globals.update(asset=assets.url, navigation=NAVIGATION)
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


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers of pages need."""

    reads: Reads
    """`await site.reads.run(function, ...)` calls `function(cursor, ...)` beside the event loop."""


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever a handler raises becomes a page, or JSON under `/api/`."""
    try:
        return await handler(request)
    except PageError as error:
        return _answer(request, error)
    except QueryError as error:
        told = PageError(
            STATUS[error.kind], _sentence(error.message, error.hint), way=request.path_qs
        )
        told.text = "Try again"
        return _answer(request, told)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if error.status == 404:
            return _answer(request, PageError(404, "There is no such page."))
        return _answer(request, PageError(error.status, _sentence(error.text or error.reason)))
    except duckdb.Error as error:
        print(f"spanscore: {request.path}: {error}", file=sys.stderr, flush=True)
        reason = str(error).partition("\n")[0]
        sentence = f"The database cannot be read: {reason}. `spanscore doctor` looks at its files."
        return _answer(request, PageError(500, sentence, way=request.path_qs, text="Try again"))
    except Exception:  # noqa: BLE001 - a defect of ours, told to whoever runs the collector
        traceback.print_exc()
        sentence = "This page has a defect; the collector's output has its traceback."
        return _answer(request, PageError(500, sentence))


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

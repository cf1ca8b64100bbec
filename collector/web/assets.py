"""Static files: style sheets, scripts and icons, read once from the package."""

from __future__ import annotations

import hashlib
import mimetypes
from base64 import b64encode
from functools import cache
from importlib import resources

from aiohttp import web
from markupsafe import Markup

PREFIX = "/static/"
"""They hold nothing of anybody: served without a token, so that a refusal can be a page."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"

_RUN_STYLES = ("base.css", "run.css", "waterfall.css")


@cache
def files() -> dict[str, bytes]:
    """Every static file by its name."""
    folder = resources.files(__package__).joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@cache
def run_style() -> Markup:
    """All that the page of a run is drawn by. It stands in the page: what has come of it can be
    drawn before anything else is asked for."""
    return Markup("\n".join(files()[name].decode() for name in _RUN_STYLES))


def policy_hash(text: str) -> str:
    """By which a content security policy allows exactly this text inline (CSP 3, section 2.3.1)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def version() -> str:
    """Changes with any of the files. Part of their URLs, which a browser may keep for ever; scripts
    import each other by relative names, and so in one version."""
    digest = hashlib.sha256()
    for name, body in sorted(files().items()):
        digest.update(name.encode() + b"\0" + body)
    return digest.hexdigest()[:12]


def url(name: str) -> str:
    """Where the browser finds the file. Raises KeyError for one that does not exist."""
    files()[name]
    return f"{PREFIX}{version()}/{name}"


def add_asset_routes(app: web.Application) -> None:
    """Serve the files under `/static/VERSION/NAME`; an older version gets what there is now."""

    async def handle(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = files().get(name)
        if body is None:
            raise web.HTTPNotFound(text=f"there is no file {name}")
        suffix = name[name.rfind(".") :]
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        is_current = request.match_info["version"] == version()
        caching = _FOREVER if is_current else "no-store"
        return web.Response(body=body, content_type=kind, headers={"Cache-Control": caching})

    app.router.add_get(PREFIX + "{version}/{name}", handle)

"""Static files: style sheets, scripts and icons, read once from the package."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from importlib import resources

from aiohttp import web

PREFIX = "/static/"
"""They hold nothing of anybody: served without a token, so that a refusal can be a page."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


RUN_STYLE = "run-page.css"
"""All that the page of a run is drawn by, in one: nothing is drawn before the last has come."""

_RUN_STYLES = ("base.css", "run.css", "waterfall.css")


@cache
def files() -> dict[str, bytes]:
    """Every static file by its name, and `RUN_STYLE`."""
    folder = resources.files(__package__).joinpath("static")
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    return found | {RUN_STYLE: b"\n".join(found[name] for name in _RUN_STYLES)}


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

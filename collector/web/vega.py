"""Vega for the charts, bundled from what vl-convert ships: made once a machine, in a child."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from .pages import PageError

PATH = "/vega.js"
_MAKE_S = 120.0
_MAKE = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle())"


class Bundle:
    """The bundle's bytes: `vegaEmbed`, `vega` and `vegaLite` on `window`.

    Bundling takes seconds and 150 MB, so a child does it, and the result is kept in the user's
    cache folder for this version of vl-convert; where that cannot be written, in memory alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or _cache_folder()) / f"vega-{version('vl-convert-python')}.js"
        self._body: bytes | None = None
        self._lock = asyncio.Lock()

    async def read(self) -> bytes:
        """The bytes; raises PageError when the child fails."""
        async with self._lock:
            if self._body is None:
                self._body = await asyncio.to_thread(self._kept) or await self._make()
            return self._body

    def _kept(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    async def _make(self) -> bytes:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAKE, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(_MAKE_S):
                body, _ = await child.communicate()
        except TimeoutError:
            body = b""
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0 or not body:
            raise PageError(500, "The charts' library could not be made; the tables are complete.")
        await asyncio.to_thread(self._keep, body)
        return body

    def _keep(self, body: bytes) -> None:
        """Whole or not at all: other collectors of this user read it too."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            Path(name).replace(self._path)
        except OSError:
            return


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spanscore"


def add_vega_routes(app: web.Application, bundle: Bundle) -> None:
    """Serve the bundle; a browser keeps it for as long as the page's session."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(
            body=await bundle.read(),
            content_type="text/javascript",
            headers={"Cache-Control": "private, max-age=86400"},
        )

    app.router.add_get(PATH, handle)

"""A real browser on the pages of a real collector; what it complains of and asks for is watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.support.served import Served

expect.set_options(timeout=30_000)  # what is awaited comes at once on a quiet machine

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDE, NARROW = (1280, 900), (400, 800)
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield started
    started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, the accessibility checker."""
    path = os.environ.get("AXE_CORE")
    assert path, "set AXE_CORE to axe.min.js; `npm install axe-core` brings it (see .ci/run)"
    return Path(path).read_text()


class Visit:
    """One page of one reader, and what it must not do: complain, or ask anybody else."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._served = served
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda asked: self._asked(asked.url))
        page.context.add_cookies(
            [{"name": served.cookie_name, "value": served.token, "url": served.web}]
        )

    def go(self, path: str) -> Page:
        """Open a page of the collector and wait until it has settled."""
        self.page.goto(f"{self._served.web}{path}", wait_until="networkidle")
        return self.page

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", None):
            self.elsewhere.append(url)

    def findings(self, axe: str) -> list[str]:
        """What axe finds that is serious."""
        self.page.evaluate(axe)
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """`visit(served, dark=False, size=WIDE)` opens a window; it must end without a complaint."""
    visits: list[Visit] = []
    with ExitStack() as closing:

        def open_window(
            served: Served, *, dark: bool = False, size: tuple[int, int] = WIDE
        ) -> Visit:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
            )
            closing.callback(context.close)
            visits.append(Visit(context.new_page(), served))
            return visits[-1]

        yield open_window
    for one in visits:
        assert one.complaints == []
        assert one.elsewhere == []

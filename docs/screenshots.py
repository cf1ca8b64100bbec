"""Draws the pictures of README and docs/web.md from a database: python docs/screenshots.py DB

Starts a collector on the database, so none may hold it. Needs playwright and Debian's chromium (or
CHROMIUM); the fonts fonts-inter and fonts-jetbrains-mono make the pictures the same everywhere.
The run that is shown is the newest that failed, with a proof to see; --run names another.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sysconfig
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from spanscore.collector import running
from spanscore.collector.answers import ask
from spanscore.collector.config import Settings, load
from spanscore.collector.keys import read_token

IMAGES = Path(__file__).parent / "images"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"

_NEWEST_FAILED = """
SELECT run_id FROM runs JOIN scores USING (run_id)
WHERE runs.source = 'adapter'
ORDER BY outcome <> 'fail', outcome <> 'spoiled', runs.started_at DESC LIMIT 1
"""


def main() -> None:
    """Start a collector, draw, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("db", type=Path)
    parser.add_argument("--run", help="the run to show")
    given = parser.parse_args()
    settings = load(db=given.db)
    doors = [word for name in ("grpc", "http", "web") for word in (f"--{name}", "127.0.0.1:0")]
    process = subprocess.Popen(
        [COMMAND, "serve", "--db", given.db, *doors], stdout=subprocess.DEVNULL
    )
    try:
        while not (note := running.find(given.db)):
            if process.poll() is not None:
                raise SystemExit("the collector did not start")
            time.sleep(0.1)
        _draw(settings, note.web, given.run)
    finally:
        process.terminate()
        process.wait()


def _draw(settings: Settings, web: str, run: str | None) -> None:
    chosen = run or ask(settings, _NEWEST_FAILED).batches[0].column(0)[0].as_py()
    path = f"/runs/{quote(chosen, safe='')}"
    token = read_token(settings.db)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
        )
        for name, dark in (("run", False), ("run-dark", True)):
            page = _open(browser, web, token, path, dark=dark)
            page.locator(".wf-row .wf-text").first.wait_for()
            page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def _open(browser: Browser, web: str, token: str, path: str, *, dark: bool) -> Page:
    context = browser.new_context(
        viewport={"width": 1280, "height": 1180}, color_scheme="dark" if dark else "light"
    )
    name = f"spanscore-read-{urlsplit(web).port}"
    context.add_cookies([{"name": name, "value": token, "url": web}])
    page = context.new_page()
    page.goto(f"{web}{path}", wait_until="networkidle")
    return page


if __name__ == "__main__":
    main()

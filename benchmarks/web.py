"""How fast the pages are in a browser: first paint; of a run also its spans, scrolling, replay.

    python -m benchmarks.web            200 runs of 500 spans and one of 100,000, about 7 minutes
    python -m benchmarks.web --quick    without what comes in, and once each

Needs Debian's chromium (or CHROMIUM) and playwright. Prints a Markdown table; docs/performance.md
holds a run. Beside each figure stands the floor in the same browser: a page of a sentence, and the
frames of that page while nothing happens. Everything once more while 5,000 spans a second come in.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
from playwright.sync_api import Browser, Page, sync_playwright

from spanscore.collector.keys import read_token
from spanscore.collector.store.marts import Marts

from .support.batches import SPANS, thin
from .support.collector import Collector
from .support.runs import make
from .support.sender import Load, send

TIMES = 15
RUNS = 200
SMALL, LARGE = "run-0000000", "run-0000001"
LARGE_SPANS = 100_000
FRAMES_S = 3
LOAD_PER_S = 5_000
LOAD_S = 200
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

_GROW = """
INSERT INTO span
SELECT s.* REPLACE (
    substr(md5(s.span_id || CAST(n AS VARCHAR)), 1, 16) AS span_id,
    s.start_ns + n * 450000000 AS start_ns, s.end_ns + n * 450000000 AS end_ns
)
FROM span AS s, range(1, 400) AS r(n)
WHERE s.trace_id IN (SELECT trace_id FROM trace WHERE run_id = $run AND NOT own_run_trusted)
    AND s.parent_span_id IS NOT NULL
LIMIT $more
"""

_NONE = "/runs/none"
_RUNS = {f"/runs/{SMALL}": "500 spans", f"/runs/{LARGE}": f"{LARGE_SPANS:,} spans"}
_PAGES = {
    _NONE: "floor: a page of a sentence",
    **_RUNS,
    "/runs": f"list of {RUNS} runs",
    "/leaderboard": "leaderboard",
    f"/compare?run={SMALL}&run=run-0000002": "two runs compared",
    "/sweeps": "sweeps",
    "/sessions": "sessions",
    "/sql": "SQL page",
}

# When the first content was drawn, told once it was, and what time it is.
_PAINT = """
() => new Promise((done) => {
  const spans = performance.now();
  new PerformanceObserver((list) => {
    const [entry] = list.getEntriesByName("first-contentful-paint");
    if (entry) done({ paint: entry.startTime, spans });
  }).observe({ type: "paint", buffered: true });
})
"""

# Frames that were drawn in so many seconds while something happens in each.
_FRAMES = """
([seconds, each]) => new Promise((done) => {
  const body = document.getElementById("wf-body");
  const began = performance.now();
  let frames = 0, worst = 0, last = began;
  const frame = (now) => {
    frames++;
    worst = Math.max(worst, now - last);
    last = now;
    if (each === "scroll") body.scrollTop += 400;
    if (now - began < seconds * 1000) requestAnimationFrame(frame);
    else done([frames / ((now - began) / 1000), worst]);
  };
  requestAnimationFrame(frame);
})
"""

Figures = dict[str, float]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="once each, and quiet only")
    quick = parser.parse_args().quick
    times = 1 if quick else TIMES
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder) / "bench.duckdb")
        with Collector(Path(folder)) as collector, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
            )
            quiet = _measure(browser, collector, times)
            busy = {} if quick else _while_receiving(browser, collector, times)
            browser.close()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}\n")
    print(f"| | alone | while {LOAD_PER_S:,} spans/s come in |\n|---|---|---|")
    for name, figure in quiet.items():
        print(f"| {name} | {figure:,.0f} | {busy.get(name, float('nan')):,.0f} |")


def _while_receiving(browser: Browser, collector: Collector, times: int) -> Figures:
    sending = threading.Thread(target=_load, args=(collector.urls["http"],))
    sending.start()
    found = _measure(browser, collector, times)
    sending.join()
    return found


def _fill(db: Path) -> None:
    connection: duckdb.DuckDBPyConnection = make(db, RUNS)
    connection.execute(_GROW, {"run": LARGE, "more": LARGE_SPANS - 500})
    connection.execute(
        "UPDATE trace SET window_end_ns = window_end_ns + 180000000000 WHERE run_id = ?", [LARGE]
    )
    marts = Marts(connection)
    marts.mark_all()
    marts.refresh_all()
    connection.close()


def _load(url: str) -> None:
    bodies = thin(LOAD_S * LOAD_PER_S // SPANS)
    send(Load("http", url, bodies, batches_per_s=LOAD_PER_S / SPANS))


def _measure(browser: Browser, collector: Collector, times: int) -> Figures:
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):  # in turns: what else the machine does meets all alike
        for path, name in _PAGES.items():
            seen = _open(browser, collector, path)
            found[f"{name}: first paint, ms"].append(seen["paint"])
            if path in _RUNS:
                found[f"{name}: spans in sight, ms"].append(seen["spans"])
    figures = {name: statistics.median(values) for name, values in found.items()}
    return figures | _frames(browser, collector)


def _page(browser: Browser, collector: Collector) -> Page:
    url = collector.urls["web"]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    name = f"spanscore-read-{urlsplit(url).port}"
    context.add_cookies([{"name": name, "value": read_token(collector.db), "url": url}])
    return context.new_page()


def _open(browser: Browser, collector: Collector, path: str) -> dict[str, float]:
    """When the first content was drawn, and when the names of the first spans were there, ms."""
    page = _page(browser, collector)
    answer = page.goto(f"{collector.urls['web']}{path}")
    assert answer is not None
    assert answer.status == (404 if path == _NONE else 200)
    if path in _RUNS:
        page.locator(".wf-row .wf-text", has_text="cell_run").wait_for()
    told: dict[str, Any] = page.evaluate(_PAINT)
    page.context.close()
    return told


def _frames(browser: Browser, collector: Collector) -> Figures:
    found: Figures = {}
    page = _page(browser, collector)
    page.goto(f"{collector.urls['web']}{_NONE}")
    found["floor: nothing happens, frames/s"], _ = page.evaluate(_FRAMES, [FRAMES_S, ""])
    page.goto(f"{collector.urls['web']}/runs/{LARGE}")
    page.locator(".wf-row .wf-text", has_text="cell_run").wait_for()
    name = f"{LARGE_SPANS:,} spans"
    found[f"{name}: scrolling, frames/s"], worst = page.evaluate(_FRAMES, [FRAMES_S, "scroll"])
    found[f"{name}: scrolling, longest frame, ms"] = worst
    page.keyboard.press("Space")
    found[f"{name}: replay, frames/s"], worst = page.evaluate(_FRAMES, [FRAMES_S, ""])
    found[f"{name}: replay, longest frame, ms"] = worst
    page.context.close()
    return found


if __name__ == "__main__":
    main()

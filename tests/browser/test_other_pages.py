"""Leaderboard, comparisons, sweeps, sessions and SQL in a browser: used, live, for everybody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Download, expect

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_run_page import EVIL, LIMITED_RUN, Open, hostile
from tests.support.harness_run import LIMITED, Run
from tests.support.served import Served, served
from tests.support.sessions import SESSIONS, session_requests
from tests.support.telemetry import START_NS

pytestmark = pytest.mark.browser

SIZE = {Role.CELL_RUN: {c.SWEEP_CELLS: 5, c.SWEEP_REPEATS: 1}}
RUNS = [
    Run("a1", agent="one", task="t1", verdict="success", attributes=SIZE),
    Run("a2", agent="one", task="t2", verdict="success", start_s=60, attributes=SIZE),
    Run("b1", agent="two", task="t1", start_s=120, attributes=SIZE),
    Run("b2", agent="two", task="t2", calls=(LIMITED, LIMITED), changes={}, start_s=180),
]
PAGES = [
    "/leaderboard",
    "/compare",
    "/compare?in=agent&a=one&b=two",
    "/compare?run=a1&run=b1",
    "/sweeps",
    "/sweeps/sweep",
    "/sessions",
    "/sql?q=" + quote("SELECT agent, count(*) AS n FROM runs GROUP BY ALL"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = [request for run in RUNS for request in run.requests()]
    made += [*LIMITED_RUN.requests(), *hostile().requests(), *session_requests(SESSIONS[0])]
    with served(tmp_path_factory.mktemp("browser"), made) as collector:
        collector.wait_for(*(run.run_id for run in RUNS), LIMITED_RUN.run_id)
        yield collector


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (NARROW, True)], ids=["wide", "narrow"])
def test_nothing_serious_is_in_the_way_of_anybody(
    pages: Served, visit: Open, axe: str, path: str, size: tuple[int, int], dark: bool
) -> None:
    one = visit(pages, dark=dark, size=size)
    page = one.go(path)
    assert one.findings(axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("main script:not([type='application/json']), main iframe").count() == 0


def test_the_theme_that_was_chosen_stays_on_every_page(pages: Served, visit: Open) -> None:
    window = visit(pages, dark=True)
    window.go("/runs/a1").get_by_role("button", name="Light or dark").click()
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert window.go("/sweeps").evaluate(scheme) == "light"


def test_the_leaderboard_draws_its_charts(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/leaderboard")
    for chart in ("#pareto", "#multiples"):
        expect(page.locator(f"{chart} svg")).to_be_visible(timeout=120_000)
    expect(page.locator("#multiples svg")).to_contain_text("one")


def test_two_agents_are_chosen_and_two_of_their_runs_put_on_one_axis(
    pages: Served, visit: Open
) -> None:
    page = visit(pages).go("/compare")
    form = page.get_by_role("form", name="Two agents")
    form.locator("select[name=a]").select_option("one")
    form.locator("select[name=b]").select_option("two")
    form.get_by_role("button").click()
    expect(page.locator(".tallies")).to_contain_text("McNemar")
    page.get_by_role("link", name="one axis").first.click()
    expect(page.locator("svg.axis")).to_have_count(2)


def test_a_sweep_shows_how_far_it_is_and_follows(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/sweeps/sweep")
    ended = page.locator(".tallies li").first
    before = int(ended.locator("b").inner_text().split(" / ")[0])
    late = Run(
        "late",
        agent="three",
        verdict="success",
        start_s=time.time() - START_NS / 1e9 - 60,
        attributes=SIZE,
    )
    pages.put(*late.requests())
    expect(ended.locator("b")).to_have_text(f"{before + 1} / 5", timeout=60_000)
    expect(page.get_by_role("columnheader", name="three")).to_be_visible()


def test_a_query_is_written_run_drawn_saved_and_linked(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/sql")
    query = "SELECT task, count(*) AS n FROM runs GROUP BY ALL ORDER BY n"
    page.get_by_label("Query").fill(query)
    page.keyboard.press("Control+Enter")
    result = page.locator("table").last
    expect(result).to_contain_text("t1")
    assert "q=SELECT" in page.url
    for name in ("CSV", "Parquet", "JSON"):
        with page.expect_download() as started:
            page.get_by_text(name, exact=True).click()
        saved: Download = started.value
        assert saved.path().stat().st_size > 20
        assert saved.suggested_filename.endswith(name.lower())
    page.reload(wait_until="networkidle")
    expect(page.get_by_label("Query")).to_have_value(
        "SELECT task, count(*) AS n FROM runs GROUP BY ALL ORDER BY n"
    )


def test_a_query_that_is_wrong_or_forbidden_is_told_in_words(pages: Served, visit: Open) -> None:
    one = visit(pages)
    page = one.go("/sql")
    for query, said in (
        ("SELECT nothing FROM runs", "nothing"),
        ("DROP TABLE spans", "Only queries"),
    ):
        page.get_by_label("Query").fill(query)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("alert")).to_contain_text(said)
    one.complaints[:] = [text for text in one.complaints if "40" not in text]


def test_names_from_spans_are_text_on_every_page(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/leaderboard")
    expect(page.locator("table.board")).to_contain_text("<script>")
    assert page.title() != "taken"
    page.goto(f"{pages.web}/sweeps/{quote(EVIL, safe='')}")
    expect(page.locator("h1")).to_contain_text("<script>")
    assert page.title() != "taken"

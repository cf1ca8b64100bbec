"""The page of a run in a browser: replay by keyboard, live, large, hostile, and for everybody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from spanscore.collector.inbox import Request
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.browser.conftest import NARROW, WIDE, Visit
from tests.support.harness_run import GOOD, LIMITED, Call, Run
from tests.support.served import Served, served
from tests.support.sessions import session_requests
from tests.support.telemetry import START_NS, traces_request

pytestmark = pytest.mark.browser

Open = Callable[..., Visit]

EVIL = (
    '"><script>document.title="taken"</script><img src=x onerror=alert(1)>\u202egnirts\x1b[31m'
    "\U0001f469\u200d\U0001f4bb javascript:alert(1) https://evil.example/ ${7*7}{{7*7}}"
)
HUGE = "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 " * 20_000
LARGE = 100_000

RETRIED = Run(
    "retried",
    verdict="success",
    calls=(GOOD, Call(429, tokens=None, finish=None, call="1"), Call(call="1", gap_s=2.0)),
)
LIMITED_RUN = Run("limited", calls=(GOOD, LIMITED, LIMITED), changes={}, tools=0)


def large() -> Iterator[Request]:
    """A run of LARGE spans: 2,000 calls, 2,000 tools and what an agent does besides."""
    seconds = 3600
    calls = [Call(seconds=1.0, gap_s=0.5)] * 2000
    run = Run("large", agent_s=seconds, calls=calls, tools=2000, verdict="success")
    yield from run.requests()
    left = LARGE - len(run.spans())
    for first in range(0, left, 4000):
        spans = [
            run.span(f"step {n}", "call 0" if n % 7 else "container", at, at + 1, {}, None)
            for n in range(first, min(first + 4000, left))
            if (at := 3 + n / left * 3500)
        ]
        yield traces_request(*spans, origin="agent", resource=run.resource)


def hostile() -> Run:
    """A run with EVIL in every field that an agent or a task can fill."""
    evil = {"key " + EVIL: EVIL, "huge": HUGE, "url": "https://evil.example/x"}
    return Run(
        "hostile " + EVIL,
        agent=EVIL,
        model=EVIL,
        task=EVIL,
        family=EVIL,
        sweep=EVIL,
        attributes=dict.fromkeys(Role, evil) | {Role.VERIFY: {**evil, c.STDOUT_TAIL: EVIL + HUGE}},
        errors={Role.VERIFY: EVIL + HUGE[:5000], Role.TASK_SETUP: EVIL},
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = [
        *RETRIED.requests(),
        *LIMITED_RUN.requests(),
        *hostile().requests(),
        *large(),
        *session_requests("codex/ok"),
    ]
    with served(tmp_path_factory.mktemp("browser"), made) as collector:
        collector.wait_for("retried", "limited", "large")
        yield collector


def text_of(page: Page, name: str) -> str:
    return page.locator(f"#st-{name}").inner_text()


def playhead_s(page: Page) -> float:
    minutes, seconds = text_of(page, "at").split(" / ")[0].split(":")
    return int(minutes) * 60 + float(seconds)


def until(is_so: Callable[[], bool]) -> None:
    """Within 10 s. Playwright's own waiting would evaluate text, which the pages do not allow."""
    deadline_s = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_the_verdict_comes_first_and_leads_to_its_proof(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/limited")
    expect(page.locator(".verdict")).to_contain_text("provider_rate_limited")
    page.get_by_role("link", name="Show the proof").click()
    panel = page.get_by_role("complementary", name="Span")
    expect(panel).to_contain_text("http.response.status_code")
    expect(panel).to_contain_text(LIMITED_RUN.span_id("call 2"))
    expect(page.locator(".wf-row.selected")).to_contain_text("call 2")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_the_keyboard_replays_a_run(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/retried")
    assert text_of(page, "phase") == "whole run"
    page.keyboard.press("ArrowRight")
    assert playhead_s(page) == 0
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert playhead_s(page) == 3
    expect(page.locator(".wf-row.selected")).to_contain_text("call 0")
    assert (text_of(page, "phase"), text_of(page, "calls")) == ("container", "1")
    page.keyboard.press("ArrowLeft")
    assert playhead_s(page) == 2
    page.keyboard.press(".")
    assert playhead_s(page) == pytest.approx(2.1)
    page.keyboard.press(",")
    page.keyboard.press(",")
    assert playhead_s(page) == pytest.approx(1.9)
    expect(page.locator(".wf-row.is-future").first).to_be_visible()
    before = page.locator("#wf-speed").input_value()
    page.keyboard.press(">")
    assert float(page.locator("#wf-speed").input_value()) > float(before)
    page.keyboard.press("Space")
    until(lambda: playhead_s(page) > 3.9)
    page.keyboard.press("Space")
    stopped = playhead_s(page)
    assert 3.9 < stopped < 26
    page.wait_for_timeout(200)
    assert playhead_s(page) == stopped
    page.keyboard.press("Escape")
    assert text_of(page, "phase") == "whole run"


def test_the_state_at_a_moment_counts_what_came_before(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/retried")
    page.locator("#wf-scrub").evaluate(
        "(slider) => { slider.value = 1000 * 5.5 / 26; slider.dispatchEvent(new Event('input')) }"
    )
    assert text_of(page, "calls") == "2 (1 failed)"
    assert text_of(page, "in") == "100"
    assert text_of(page, "tool") == "\u2013"


def test_retries_show_what_they_waited(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/retried")
    wait = page.locator(".wf-wait")
    expect(wait).to_have_attribute("title", "waited 2.0 s to try again")
    expect(page.locator("#calls")).to_contain_text("retry 1 after 2.0")


def test_a_figure_tells_how_it_was_derived(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/retried")
    page.get_by_role("button", name="Wall clock").click()
    why = page.locator("#why-wall_clock_ms")
    expect(why).to_be_visible()
    expect(why).to_contain_text("FROM phases WHERE role = 'adapter_run'")
    why.get_by_role("link", name="adapter_run").click()
    expect(page.locator("#panel")).to_contain_text("adapter_run")
    page.get_by_role("button", name="Tokens").hover()
    expect(page.locator("#why-total_tokens")).to_be_visible()


def test_folding_hides_what_is_below(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/retried")
    rows = page.locator(".wf-row:visible")
    count = rows.count()
    page.locator("#wf-body").focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".wf-row.selected")).to_contain_text("container")
    page.keyboard.press("-")
    expect(rows).to_have_count(count - 4)
    page.keyboard.press("+")
    expect(rows).to_have_count(count)


def test_a_running_cell_is_followed_to_its_end(pages: Served, visit: Open) -> None:
    run = Run("live", start_s=time.time() - START_NS / 1e9 - 30, verdict="success")
    begun = (Role.CELL_RUN, Role.ADAPTER_RUN, Role.CONTAINER)
    pages.put(run.starts(*begun, received_ns=time.time_ns()))
    pages.wait_for("live")
    page = visit(pages).go("/runs/live")
    expect(page.locator(".verdict .mark")).to_have_text("running")
    expect(page.locator(".wf-row.is-open")).to_have_count(3)
    pages.put(*run.requests())
    expect(page.locator(".verdict .mark")).to_have_text("passed", timeout=30_000)
    expect(page.locator(".wf-row", has_text="verify")).to_be_visible()
    expect(page.locator(".wf-row.is-open")).to_have_count(0)


def test_a_hundred_thousand_spans_scroll_and_replay(pages: Served, visit: Open) -> None:
    page = visit(pages).go("/runs/large")
    expect(page.locator("#wf-count")).to_contain_text("100,000 spans")
    expect(page.locator(".wf-row:visible").first).to_contain_text("cell_run")
    body = page.locator("#wf-body")
    for share in (0.5, 0.99, 0.1):
        body.evaluate(f"(body) => {{ body.scrollTop = body.scrollHeight * {share} }}")
        expect(page.locator(".wf-row:visible").nth(9).locator(".wf-text")).not_to_have_text(
            "\u2026"
        )
        assert page.locator(".wf-row").count() < 80
    page.keyboard.press("Space")
    until(lambda: playhead_s(page) > 180)
    page.keyboard.press("Space")
    # Where it stopped is in sight: what has begun, and what has not.
    expect(page.locator(".wf-row.is-future:visible")).not_to_have_count(0)
    expect(page.locator(".wf-row:not(.is-future):visible")).not_to_have_count(0)
    assert page.locator(".wf-row").count() < 80
    assert int(text_of(page, "calls").replace(",", "").split()[0]) > 10


def test_a_hostile_run_is_text_and_nothing_else(pages: Served, visit: Open) -> None:
    page = visit(pages).go(f"/runs/{quote(hostile().run_id, safe='')}")
    expect(page.locator("h1")).to_contain_text("<script>")
    assert page.title() != "taken"
    assert page.locator("main script, main img:not([src^='/badge/']), main iframe").count() == 0
    page.locator(".wf-row", has_text="verify").first.click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("characters; the raw JSON has them all")
    panel.get_by_text("Raw JSON", exact=True).click()
    expect(panel.locator("pre")).to_contain_text("evil.example")
    assert panel.locator("pre").evaluate("(text) => text.textContent.length") > len(HUGE)
    assert page.locator("#panel a").count() == 0
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0


@pytest.mark.parametrize("path", ["/runs", "/runs/limited", "/runs/nobodys"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_is_in_the_way_of_anybody(
    pages: Served, visit: Open, axe: str, path: str, size: tuple[int, int], dark: bool
) -> None:
    one = visit(pages, dark=dark, size=size)
    page = one.go(path)
    if path == "/runs/limited":
        page.locator(".wf-row", has_text="call 1").click()
        expect(page.locator("#panel")).to_be_visible()
    assert one.findings(axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    if path == "/runs/nobodys":
        assert any("404" in complaint for complaint in one.complaints)
        one.complaints.clear()


def test_the_link_that_serve_prints_opens_the_page(
    pages: Served, browser: object, visit: Open
) -> None:
    one = visit(pages)
    one.page.context.clear_cookies()
    page = one.page
    page.goto(f"{pages.web}/runs")
    expect(page.locator("h1")).to_contain_text("the link that spanscore serve prints")
    page.goto(f"{pages.web}/?token={pages.token}")
    page.wait_for_url(re.compile("/runs$"))
    expect(page.locator("h1")).to_have_text("Runs")
    one.complaints.clear()  # the 401 that was asked for


def test_without_a_collector_the_page_stays_and_says_nothing_wrong(
    tmp_path: Path, visit: Open
) -> None:
    with served(tmp_path, RETRIED.requests()) as collector:
        collector.wait_for("retried")
        one = visit(collector)
        page = one.go("/runs/retried")
    page.wait_for_timeout(2500)
    expect(page.locator(".verdict .mark")).to_have_text("passed")
    page.keyboard.press("ArrowRight")
    assert playhead_s(page) == 0
    one.complaints[:] = [said for said in one.complaints if "ERR_CONNECTION_REFUSED" not in said]

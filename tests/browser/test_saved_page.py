"""A saved page works from a file, with its scripts, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from spanscore.collector.store.marts import Marts
from spanscore.collector.web.saved import saved_page
from tests.support.harness_run import LIMITED, Run
from tests.support.stored import stored

pytestmark = pytest.mark.browser

EVIL = "</script><script>document.title='taken'</script>"


def test_a_saved_page_replays_and_shows_spans_without_a_collector(
    tmp_path: Path, browser: Browser
) -> None:
    run = Run("saved", task=EVIL, calls=(LIMITED, LIMITED), changes={}, tools=0)
    with stored(tmp_path) as store:
        store.put(*run.requests())
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
        found = saved_page(store.connection, "saved")
    assert found is not None
    file = tmp_path / "run.html"
    file.write_bytes(found)
    complaints: list[str] = []
    asked: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator(".wf-row:visible").first).to_contain_text("cell_run")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#st-at")).to_contain_text("0:00.000 /")
    page.get_by_role("link", name="Show the proof").click()
    expect(page.locator("#panel")).to_contain_text("http.response.status_code")
    page.locator("#panel").get_by_text("Raw JSON").click()
    expect(page.locator("#panel pre")).to_contain_text("429")
    assert page.title() != "taken"
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

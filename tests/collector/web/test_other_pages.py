"""Leaderboard, comparisons, sweeps, sessions, badges and the SQL page say what the views say."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from spanscore.collector.inbox import Request
from spanscore.collector.web import compare_page
from spanscore.collector.web.badge import badge_lines
from spanscore.collector.web.compare_page import ticks
from spanscore.collector.web.sql_page import EXAMPLES
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import LIMITED, Run
from tests.support.pages import pages_of
from tests.support.sessions import SESSIONS, session_requests
from tests.support.stored import stored

HOSTILE = '"><script>alert(1)</script>'


def _requests() -> list[Request]:
    runs = [
        Run("a1", agent="one", task="t1", verdict="success"),
        Run("a2", agent="one", task="t2", verdict="success", start_s=60),
        Run("b1", agent="two", task="t1", start_s=120),
        Run("b2", agent="two", task="t2", calls=(LIMITED, LIMITED), changes={}, start_s=180),
        Run("c1", agent=HOSTILE, model=HOSTILE, task=HOSTILE, sweep=HOSTILE, start_s=240),
    ]
    live = Run("live", agent="two", task="t3", start_s=-60)
    found = [request for run in runs for request in run.requests()]
    found.append(live.starts(Role.CELL_RUN, received_ns=time.time_ns()))
    return found


async def _text(tmp_path: Path, path: str, status: int = 200) -> str:
    async with pages_of(tmp_path, _requests()) as client:
        response = await client.get(path)
        assert response.status == status
        return await response.text()


async def test_the_leaderboard_shows_both_rates_and_what_was_left_out(tmp_path: Path) -> None:
    text = await _text(tmp_path, "/leaderboard")
    two = text[text.index('href="/runs?agent=two') :]
    assert "provider_rate_limited" in two
    assert "1 / 2" in two, "one of two runs is valid"
    assert '"composite"' in text, "the charts' data"


async def test_two_agents_are_compared_by_pairs_and_spoiled_ones_are_left_out(
    tmp_path: Path,
) -> None:
    text = await _text(tmp_path, "/compare?in=agent&a=one&b=two")
    figures = dict(re.findall(r"<li><b>([^<]+)</b><span>([^<]+)</span>", text))
    assert figures["p = 1.0000"].startswith("McNemar")
    assert "only one" in text
    assert text.count("left out</span>") == 1


async def test_a_comparison_of_more_pairs_than_a_page_holds_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/compare?in=agent&a=one&b=two"
    assert "pairs alone" not in await _text(tmp_path, path)
    monkeypatch.setattr(compare_page, "MAX_PAIRS", 1)
    assert "The first 1 pairs alone" in await _text(tmp_path, path)


async def test_two_runs_stand_on_one_axis(tmp_path: Path) -> None:
    text = await _text(tmp_path, "/compare?run=a1&run=b2")
    assert text.count('<svg class="axis"') == 2
    assert 'class="failed"' in text, "the refused attempts"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/compare?run=a1", 400, "Two runs are compared"),
        ("/compare?run=a1&run=nobody", 404, "There is no run"),
        ("/compare?a=one&b=nobody", 404, "no task in common"),
        ("/sweeps/nothing", 404, "There is no run of a sweep"),
    ],
)
async def test_what_cannot_be_shown_is_said_with_the_way_on(
    tmp_path: Path, path: str, status: int, said: str
) -> None:
    assert said in await _text(tmp_path, path, status)


async def test_a_sweep_counts_each_outcome_and_shows_each_cell(tmp_path: Path) -> None:
    text = await _text(tmp_path, "/sweeps/sweep")
    figures = {said: int(n) for n, said in re.findall(r"<b>(\d+)</b><span>([^<]+)", text)}
    assert figures["runs begun"] == 5
    assert figures["passed"] == 2
    assert figures["running"] == 1
    assert figures["spoiled: infra, provider, harness"] == 1
    assert 'href="/runs/a1"' in text


async def test_a_sweep_that_says_its_size_shows_how_far_it_is(tmp_path: Path) -> None:
    size = {Role.CELL_RUN: {c.SWEEP_CELLS: 2, c.SWEEP_REPEATS: 2}}
    runs = [
        Run(f"s{n}", agent=agent, verdict="success", start_s=60 * n, attributes=size)
        for n, agent in enumerate(("one", "one", "one", "two"))
    ]
    async with pages_of(tmp_path, [made for run in runs for made in run.requests()]) as client:
        one = await (await client.get("/sweeps/sweep")).text()
        every = await (await client.get("/sweeps")).text()
    assert "<b>3 / 4</b><span>planned runs ended, 1 further attempts</span>" in one
    assert 'aria-label="3 of 4 planned runs ended: 4 pass"' in one
    assert '4 <span class="muted">/ 4</span>' in every


async def test_sweeps_are_listed(tmp_path: Path) -> None:
    assert 'href="/sweeps/sweep"' in await _text(tmp_path, "/sweeps")


async def test_sessions_are_those_that_no_harness_ran(tmp_path: Path) -> None:
    requests = [*_requests(), *session_requests(SESSIONS[0])]
    async with pages_of(tmp_path, requests) as client:
        text = await (await client.get("/sessions")).text()
    assert len(re.findall(r'class="cover"', text)) == 1
    assert "/runs/a1" not in text


@pytest.mark.parametrize(
    ("path", "said", "colour"),
    [
        ("/badge/run/a1.svg", "passed", "#1a7f4e"),
        ("/badge/one/model/t2.svg", "passed", "#1a7f4e"),
        ("/badge/two/model/t2.svg", "provider rate limited", "#5b6168"),
        ("/badge/two/model/t3.svg", "running", "#1d5fbf"),
        ("/badge/no/such/cell.svg", "unknown", "#5b6168"),
    ],
)
async def test_a_badge_has_the_colour_of_the_class(
    tmp_path: Path, path: str, said: str, colour: str
) -> None:
    text = await _text(tmp_path, path)
    assert text.startswith("<svg")
    assert said in text
    assert colour in text


async def test_the_page_of_a_run_has_the_lines_that_show_its_badge(tmp_path: Path) -> None:
    text = await _text(tmp_path, "/runs/b2")
    assert 'href="/badge/two/model/t2.svg" download="spanscore.svg"' in text
    assert "![two with model on t2: provider rate limited](spanscore.svg)" in text
    assert "&lt;img src=&#34;spanscore.svg&#34; alt=&#34;two with model on t2" in text


def test_names_in_the_lines_of_a_badge_are_text() -> None:
    run = {"agent": "a]_b", "model": None, "task": "t", "run_id": "r/1", "outcome": "pass"}
    lines = badge_lines({**run, "model": "v/<m>", "status": "finished"})
    assert lines.markdown == "![a\\]\\_b with \\<m\\> on t: passed](spanscore.svg)"
    assert 'alt="a]_b with &lt;m&gt; on t: passed"' in lines.html
    assert lines.path == "/badge/run/r%2F1.svg"
    assert badge_lines({**run, "status": "finished"}).cell_path is None


async def test_the_page_of_a_run_leads_to_others_on_one_axis(tmp_path: Path) -> None:
    assert 'href="/compare?run=a1&amp;run=b1"' in await _text(tmp_path, "/runs/a1")


@pytest.mark.parametrize("path", ["/leaderboard", "/sweeps", "/compare", "/runs", "/sql"])
async def test_what_comes_from_spans_is_only_ever_text(tmp_path: Path, path: str) -> None:
    assert "<script>alert" not in await _text(tmp_path, path)


@pytest.mark.parametrize(
    "path", ["/leaderboard", "/sweeps", "/compare", "/sessions", "/sql", "/runs"]
)
async def test_an_empty_store_has_every_page(tmp_path: Path, path: str) -> None:
    async with pages_of(tmp_path) as client:
        assert (await client.get(path)).status == 200


async def test_the_sql_page_holds_the_query_and_lists_the_views(tmp_path: Path) -> None:
    text = await _text(tmp_path, "/sql?q=SELECT+'a+%26+b'")
    assert "SELECT &#39;a &amp; b&#39;</textarea>" in text
    views = re.findall(r"<summary><code>(\w+)</code>", text)
    assert views[:4] == ["spans", "logs", "metric_points", "runs"]
    assert not [view for view in views if view.startswith("stg_")]


@pytest.mark.parametrize("title", [title for title, _ in EXAMPLES])
def test_each_example_of_the_sql_page_runs(tmp_path: Path, title: str) -> None:
    with stored(tmp_path) as store:
        store.connection.execute(dict(EXAMPLES)[title])


@pytest.mark.parametrize("length_ns", [1, 40_000_000, 3_000_000_000, 7_200_000_000_000])
def test_an_axis_has_few_marks_and_begins_at_nothing(length_ns: int) -> None:
    marks = ticks(length_ns)
    assert marks[0] == 0
    assert 1 <= len(marks) <= 8

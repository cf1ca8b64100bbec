"""The page of a run: verdict, proof, figures and how they were derived, and every odd run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from spanscore.collector.store.marts import Marts
from spanscore.collector.web.reads import rows
from spanscore.collector.web.run_axes import axes, breakdown, parts_of_time
from spanscore.collector.web.run_facts import RunFacts, read_facts
from spanscore.collector.web.words import UNKNOWN
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.queries.test_bad_input import cycle
from tests.support.harness_run import GOOD, LIMITED, Call, Run
from tests.support.pages import pages_of
from tests.support.sessions import SESSIONS, session_requests
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, span, traces_request

EVIL = '">{{7}}${7}<script>alert(1)</script>\u202e\U0001f47e'

PASSED = Run(
    "passed",
    verdict="success",
    calls=(GOOD, Call(429, tokens=None, finish=None, call="1"), Call(call="1", gap_s=2.0)),
    attributes={
        Role.CELL_RUN: {c.MODEL_ENDPOINT: "http://127.0.0.1:8000/v1"},
        Role.VERIFY: {c.TESTS_PASSED: 7, c.STDOUT_TAIL: "7 passed in 0.1s"},
        Role.CONTAINER: {c.COMMAND_ARGS: '["agent", "fix it"]', c.RUNTIME_NAME: "docker"},
    },
)
REFUSING = Run(
    "refusing",
    family="integrity",
    verdict="success",
    attributes={
        Role.VERIFY: {
            c.REFUSAL_EXPECTED: True,
            c.REFUSAL_PRODUCED: True,
            c.REFUSAL_CORRECT: "true",
        }
    },
)
LIMITED_RUN = Run("limited", calls=(LIMITED, LIMITED), changes={}, tools=0)
MESSY = Run("messy", verdict="success", changes={"expected": 1, "unexpected": 2, "artefact": 1})
UNTOLD = Run("untold", calls=(GOOD, Call(tokens=None)))
UNWATCHED = Run("unwatched", calls=(LIMITED,), watched=False)
MADE = (PASSED, REFUSING, LIMITED_RUN, MESSY, UNTOLD, UNWATCHED, Run("other", agent="other"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("runs")) as made:
        for run in MADE:
            made.put(*run.requests())
        marts = Marts(made.connection)
        marts.prepare()
        marts.refresh_all()
        yield made.connection


def facts(store: duckdb.DuckDBPyConnection, run_id: str) -> RunFacts:
    found = read_facts(store, run_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("run", "tokens", "cost"),
    [
        ("limited", ("0", "no attempt was answered"), ("$0.00", "nothing was used")),
        ("unwatched", (UNKNOWN, "nobody counted them"), (UNKNOWN, "price or count unknown")),
        ("untold", (UNKNOWN, "110 known; 1 call told none"), (UNKNOWN, "price or count unknown")),
    ],
)
def test_a_zero_that_is_known_says_why_and_what_is_unknown_is_a_dash(
    store: duckdb.DuckDBPyConnection, run: str, tokens: tuple[str, str], cost: tuple[str, str]
) -> None:
    told = {axis.name: (axis.value, axis.note) for axis in axes(facts(store, run))}
    assert (told["total_tokens"], told["cost_usd"]) == (tokens, cost)


@pytest.mark.parametrize("run", MADE, ids=lambda run: run.run_id)
def test_the_sql_beside_a_figure_repeats_it(store: duckdb.DuckDBPyConnection, run: Run) -> None:
    found = facts(store, run.run_id)
    for axis in axes(found):
        answers = rows(store, axis.sql)
        expected = found.run[axis.name]
        if not answers:
            assert expected is None, axis.name
        elif axis.name in answers[0]:
            assert answers[0][axis.name] == (expected if axis.name != "pass" else expected == 1)
        else:
            assert axis.name in ("blast_radius_clean", "refusal")


@pytest.mark.parametrize("run", MADE, ids=lambda run: run.run_id)
def test_what_the_axes_add_comes_to_the_score(store: duckdb.DuckDBPyConnection, run: Run) -> None:
    found = facts(store, run.run_id)
    points = [part.points for part in breakdown(found) if part.points is not None]
    if found.run["composite"] is None:
        assert points == []
    else:
        assert sum(points) == pytest.approx(found.run["composite"])


@pytest.mark.parametrize("run", MADE, ids=lambda run: run.run_id)
def test_the_parts_of_the_time_fill_the_bar(store: duckdb.DuckDBPyConnection, run: Run) -> None:
    parts = parts_of_time(facts(store, run.run_id).run)
    assert sum(part["share"] for part in parts) == pytest.approx(1)
    assert parts[-1]["at"] + parts[-1]["share"] == pytest.approx(1)


def requests() -> list:  # type: ignore[type-arg]
    return [request for run in MADE for request in run.requests()]


async def test_a_run_that_passed_says_so_with_score_grade_and_time(tmp_path: Path) -> None:
    async with pages_of(tmp_path, requests()) as client:
        text = await (await client.get("/runs/passed")).text()
    for part in (
        '<span class="mark pass">passed</span>',
        " with <bdi>model</bdi>",
        "7 tests pass",
        "citable",
        'title="Evidence grade B"',
        "waiting to retry",
        "retry 1 after 2.0",
        "7 passed in 0.1s",
        "spanscore run --agent agent --task task --model model --endpoint http://127.0.0.1:8000/v1",
        "docker run --rm -it",
        "Other agents on this task",
        'href="/runs/other"',
    ):
        assert part in text, part


async def test_a_run_that_failed_says_why_who_and_which_span_proves_it(tmp_path: Path) -> None:
    async with pages_of(tmp_path, requests()) as client:
        text = await (await client.get("/runs/limited")).text()
    assert "provider_rate_limited" in text
    assert "attributed to <b>provider</b>" in text
    proof = LIMITED_RUN.span_id("call 1")
    assert f'href="#span={LIMITED_RUN.trace.hex()}/{proof}"' in text
    assert "spoiled, not scored" in text


async def test_a_score_never_stands_without_saying_whether_it_may_be_cited(tmp_path: Path) -> None:
    half = Run("half", verdict="success", without=frozenset([Role.CLEANUP]))
    async with pages_of(tmp_path, [*requests(), *half.requests()]) as client:
        text = await (await client.get("/runs/half")).text()
        assert "cite provisional" in text
        assert '<span class="flag">*</span>' in text
        assert "* provisional: not to be cited." in text


@pytest.mark.parametrize("run_id", ["nobody's", "%00", "..%2F..", "a" * 3000])
async def test_an_unknown_run_is_a_page_that_says_so(tmp_path: Path, run_id: str) -> None:
    async with pages_of(tmp_path) as client:
        response = await client.get(f"/runs/{run_id}")
        assert response.status == 404
        assert "There is no run" in await response.text()
        assert (await client.get(f"/api/runs/{run_id}/version")).status == 404
        assert (await client.get(f"/api/runs/{run_id}/waterfall")).status == 404


async def test_every_odd_run_has_a_page_and_a_waterfall(tmp_path: Path) -> None:
    running = Run("running", start_s=-5)
    silent = Run("silent")
    roles = (Role.CELL_RUN, Role.ADAPTER_RUN, Role.CONTAINER)
    half = Run("half-trace", without=frozenset([Role.CELL_RUN, Role.CONTAINER]))
    hostile = Run(
        EVIL,
        agent=EVIL,
        model=EVIL,
        task=EVIL,
        sweep=EVIL,
        attributes={Role.VERIFY: {c.STDOUT_TAIL: EVIL * 10_000}},
        errors={Role.VERIFY: EVIL},
    )
    odd = [
        running.starts(*roles, received_ns=time.time_ns()),
        silent.starts(*roles, received_ns=1),
        *half.requests(),
        *hostile.requests(),
        traces_request(*cycle(), resource={c.RUN_ID: "circle"}),
        traces_request(span(parent="ff" * 8, name=EVIL), resource={c.RUN_ID: "orphan"}),
        logs_request(log(body=EVIL), resource={c.RUN_ID: "logs-only"}),
        *(request for session in SESSIONS for request in session_requests(session)),
    ]
    async with pages_of(tmp_path, odd) as client:
        listed = await (await client.get("/runs")).text()
        links = re.findall(r'href="(/runs/[^"]+)"', listed)
        assert len(links) >= 7 + len(SESSIONS)
        for link in links:
            response = await client.get(link.replace("&amp;", "&"))
            text = await response.text()
            assert response.status == 200, link
            assert "<script>alert" not in text
            response = await client.get(f"/api{link}/waterfall")
            assert response.status == 200, link
            for part in ("calls", "tools", "logs"):
                assert (await client.get(f"{link}/{part}")).status == 200


async def test_further_rows_are_asked_for_by_offset(tmp_path: Path) -> None:
    many = Run("many", agent_s=900, calls=[Call(seconds=0.5)] * 250)
    async with pages_of(tmp_path, many.requests()) as client:
        text = await (await client.get("/runs/many")).text()
        assert 'href="/runs/many/calls?offset=100"' in text
        text = await (await client.get("/runs/many/calls?offset=200")).text()
        assert text.count("claude") == 0
        assert text.count("data-span") == 50
        assert "data-more" not in text
        for offset in ("-1", "x", "9" * 30):
            assert (await client.get(f"/runs/many/calls?offset={offset}")).status == 400
        assert (await client.get("/runs/many/other")).status == 404

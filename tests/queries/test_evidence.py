"""The grade of a run says how far it can be trusted, and what is missing for more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spanscore.collector.inbox import Request
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from spanscore.queries.catalog import create_tables
from tests.support.harness_run import GOOD, Call, Run
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import START_NS, span, traces_request

WHOLE = Run("whole", tools=0)

RUNS = {
    "whole": WHOLE,
    "derived": Run("derived", tools=1),
    "no usage": Run("no usage", tools=0, calls=(GOOD, Call(tokens=None))),
    "unwatched": Run("unwatched", tools=0, watched=False),
    "blind": Run("blind", tools=0, calls=(), watched=False),
    "no verify": Run("no verify", tools=0, without=frozenset({Role.VERIFY})),
    "no root": Run("no root", tools=0, without=frozenset({Role.CELL_RUN})),
    "dropped": Run("dropped", tools=0, attributes={Role.CELL_RUN: {c.SPANS_DROPPED: 3}}),
    "anonymous": Run("anonymous", tools=0, attributes={Role.CELL_RUN: {c.AGENT_VERSION: None}}),
    "not citable": Run("not citable", tools=0, attributes={Role.CELL_RUN: {c.CITABLE: False}}),
    "imported": Run("imported", tools=0, origin="import"),
}
"""Runs that lack one thing each."""


def _orphan() -> list[Request]:
    run = Run("orphan", tools=0)
    lost = span(trace=run.trace.hex(), span_id="aa" * 8, parent="bb" * 8)
    return [*run.requests(), traces_request(lost, origin="harness", resource=run.resource)]


def _two_roots() -> list[Request]:
    run = Run("two roots", tools=0)
    second = span(trace="cc" * 16, span_id="dd" * 8, spanscore__role="cell_run")
    return [*run.requests(), traces_request(second, origin="harness", resource=run.resource)]


def _told_again(name: str, tokens: int) -> list[Request]:
    """A run whose agent tells of its two calls as well."""
    run = Run(name, tools=0)
    own = [
        span(
            trace=run.trace.hex(),
            span_id=f"{number:016x}",
            parent=run.span_id(Role.CONTAINER),
            start_ns=START_NS + number * 10**9,
            end_ns=START_NS + number * 10**9 + 5 * 10**8,
            gen_ai__operation__name="chat",
            gen_ai__request__model="model",
            gen_ai__usage__input_tokens=tokens,
            gen_ai__usage__output_tokens=10,
        )
        for number in (3, 4)
    ]
    return [*run.requests(), traces_request(*own, origin="agent", resource=run.resource)]


def _native() -> list[Request]:
    call = span(trace="ee" * 16, gen_ai__operation__name="chat", gen_ai__usage__input_tokens=1)
    resource = {"service.name": "app", "spanscore.run.id": "native"}
    return [traces_request(call, origin="agent", resource=resource)]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By run: its row."""
    requests = [request for run in RUNS.values() for request in run.requests()]
    requests += [*_orphan(), *_two_roots(), *_native()]
    requests += [*_told_again("agrees", 100), *_told_again("disagrees", 200)]
    requests += [replace(WHOLE, run_id="began").starts(Role.CELL_RUN, received_ns=1)]
    with stored(tmp_path_factory.mktemp("evidence")) as store:
        store.put(*requests)
        create_tables(store.connection)
        return {row["run_id"]: row for row in rows(store.connection, "FROM evidence")}


@pytest.mark.parametrize(
    ("run", "grade", "missing"),
    [
        ("whole", "A", ""),
        ("agrees", "A", ""),
        ("derived", "B", "measured times of 1 call"),
        ("no usage", "B", "tokens of 1 call"),
        ("unwatched", "B", "a proxy that carried all model calls"),
        ("blind", "C", "a proxy that carried all model calls"),
        ("no verify", "C", "verify"),
        ("no root", "C", "cell_run, its end, parents of 5 spans of the harness"),
        ("dropped", "C", "3 dropped spans or parts of spans"),
        ("orphan", "C", "parents of 1 spans of the harness"),
        ("two roots", "C", "one closed span a phase"),
        ("disagrees", "C", "token sources that agree"),
        ("anonymous", "A", ""),
        ("not citable", "A", ""),
        ("native", "C", "the harness, a proxy that carried all model calls, tokens of 1 call"),
        ("imported", "D", "everything but what was published"),
    ],
)
def test_the_grade_and_what_is_missing(
    evidence: dict[str, dict[str, Any]], run: str, grade: str, missing: str
) -> None:
    assert (evidence[run]["grade"], evidence[run]["missing"]) == (grade, missing)


def test_a_run_that_only_began_has_a_row_and_lacks_every_phase(
    evidence: dict[str, dict[str, Any]],
) -> None:
    assert evidence["began"]["grade"] == "C"
    assert "its end" in evidence["began"]["missing"]


def test_only_whole_runs_of_known_identity_can_be_cited(
    evidence: dict[str, dict[str, Any]],
) -> None:
    citable = {run for run, row in evidence.items() if row["citable"]}
    assert citable == {"whole", "agrees", "derived", "no usage", "unwatched"}


def test_the_sources_of_tokens_stand_side_by_side(evidence: dict[str, dict[str, Any]]) -> None:
    row = evidence["disagrees"]
    assert row["token_sources"] == "proxy spanscore 220, span gen_ai 420"
    assert row["tokens_differ_by"] == pytest.approx(200 / 220)
    assert evidence["agrees"]["tokens_differ_by"] == 0

"""Each failure class is found where it is, with its proof, and not where it only looks like it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from spanscore.queries.catalog import create_tables
from tests.support.harness_run import GOOD, LIMITED, Run
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import SECOND_NS, log, logs_request

from .failure_case import Case
from .failure_cases import PAIRS

CASES = {
    f"{name}/{place}": case
    for name, pair in PAIRS.items()
    for place, case in [("hit", pair.hit), ("miss", pair.miss)]
    + [(f"other {n}", case) for n, case in enumerate(pair.others)]
}
SPOILERS = ("operator", "harness", "infra", "provider")
Answers = dict[str, dict[str, Any]]


def _outcome(case: Case) -> str:
    if case.outcome:
        return case.outcome
    if case.attributed_to in SPOILERS:
        return "spoiled"
    return "unknown" if case.attributed_to == "unknown" else "fail"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """By run id: what `outcomes` and `failures` say of every case."""
    with stored(tmp_path_factory.mktemp("failures")) as store:
        runs = [Run(name, sweep=name, **case.run) for name, case in CASES.items()]
        store.put(*(request for run in runs for request in run.requests()))
        now = time.time_ns()
        silent, alive = Run("interrupted/hit"), Run("interrupted/miss")
        heartbeat = log(event__name=c.HEARTBEAT_EVENT)
        store.put(
            silent.starts(Role.CELL_RUN, Role.ADAPTER_RUN, received_ns=now - 3600 * SECOND_NS),
            alive.starts(Role.CELL_RUN, received_ns=now - 3600 * SECOND_NS),
            logs_request(heartbeat, origin="harness", received_ns=now, resource=alive.resource),
        )
        create_tables(store.connection)
        found = rows(
            store.connection,
            "SELECT o.run_id AS run, o.outcome AS became, o.pass AS passed, f.* FROM outcomes AS o "
            "LEFT JOIN failures AS f ON f.run_id = o.run_id",
        )
        yield {row["run"]: row for row in found}


def test_every_class_of_the_catalog_has_a_hit_and_a_near_miss(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        create_tables(store.connection)
        classes = {row["failure_class"] for row in rows(store.connection, "FROM failure_classes")}
    assert classes == set(PAIRS) | {"interrupted"}
    for name, pair in PAIRS.items():
        assert pair.hit.failure_class == name
        assert pair.miss.failure_class != name


@pytest.mark.parametrize("name", CASES)
def test_the_run_lands_in_its_class_with_its_culprit_and_proof(answers: Answers, name: str) -> None:
    row, case = answers[name], CASES[name]
    assert row["failure_class"] == case.failure_class
    assert row["became"] == _outcome(case)
    if case.failure_class is None:
        assert row["reason"] is None
        return
    assert row["outcome"] == _outcome(case)
    assert row["attributed_to"] == case.attributed_to
    assert (row["basis"], row["evidence_kind"]) == (case.basis, case.kind)
    assert (row["evidence_attribute"], row["evidence_value"]) == (case.attribute, case.value)
    assert row["reason"].endswith(".")
    assert "{" not in row["reason"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.failure_class])
def test_the_proof_is_a_span_of_the_run(answers: Answers, name: str) -> None:
    run, row = Run(name, **CASES[name].run), answers[name]
    spans = {span.span_id.hex(): span for span in run.spans()}
    proof = spans[row["evidence_span_id"]]
    assert proof.trace_id.hex() == row["evidence_trace_id"]
    attributes = {kv.key for kv in proof.attributes}
    named = row["evidence_attribute"]
    assert named is None or named in attributes or proof.status.message == row["evidence_value"]


def test_a_run_that_began_and_fell_silent_is_proven_by_the_record_of_its_start(
    answers: Answers,
) -> None:
    row = answers["interrupted/hit"]
    assert (row["failure_class"], row["attributed_to"]) == ("interrupted", "harness")
    assert (row["basis"], row["evidence_kind"]) == ("measured", "log")
    assert row["evidence_span_id"] == Run("interrupted/hit").span_id(Role.ADAPTER_RUN)
    assert row["evidence_attribute"] == "event.name"


def test_a_run_whose_heart_beats_is_running_and_no_failure(answers: Answers) -> None:
    row = answers["interrupted/miss"]
    assert (row["became"], row["failure_class"]) == ("running", None)


def test_the_share_and_number_of_tries_stand_in_the_reason(answers: Answers) -> None:
    reason = answers["provider_rate_limited/other 0"]["reason"]
    assert "2 of the last 3 attempts, 3 in all" in reason


def test_an_unclassified_run_names_what_is_missing(answers: Answers) -> None:
    assert "nobody watched all model calls" in answers["agent_crashed/miss"]["reason"]
    assert "no verdict" in answers["unclassified/hit"]["reason"]
    assert "nobody says why" in answers["unclassified/other 2"]["reason"]


def test_tests_that_hang_whatever_the_agent_does_are_no_verdict_on_it(answers: Answers) -> None:
    hangs = answers["wrong_patch/miss"]
    assert (hangs["passed"], hangs["became"]) == (None, "unknown")
    assert hangs["reason"] == ("No class is proven: the tests hang on the untouched workspace too.")


def test_only_a_providers_failure_is_compared_with_peers(answers: Answers) -> None:
    for row in answers.values():
        assert (row["peer_evidence"] is not None) == (row["attributed_to"] == "provider")


def test_peers_are_other_agents_with_the_same_model_in_the_same_sweep_and_hours(
    tmp_path: Path,
) -> None:
    day = 24 * 3600.0
    refused: dict[str, Any] = {"calls": (LIMITED,), "changes": {}}
    runs = [
        Run("yes", sweep="1", agent="a", **refused),
        Run("yes peer", sweep="1", agent="b", calls=(GOOD,)),
        Run("no", sweep="2", agent="a", **refused),
        Run("no peer", sweep="2", agent="b", **refused),
        Run("alone", sweep="3", agent="a", **refused),
        Run("another day", sweep="3", agent="b", start_s=day),
        Run("another model", sweep="3", agent="b", model="other"),
        Run("itself", sweep="3", agent="a", calls=(GOOD,)),
        Run("unseen", sweep="4", agent="a", **refused),
        Run("unseen peer", sweep="4", agent="b", calls=(), watched=False),
    ]
    with stored(tmp_path) as store:
        store.put(*(request for run in runs for request in run.requests()))
        create_tables(store.connection)
        found = rows(store.connection, "SELECT run_id, peer_evidence FROM failures")
    said = {row["run_id"]: row["peer_evidence"] for row in found}
    assert said["yes"].startswith("yes: 1 of 1 runs")
    assert said["no"].startswith("no: none of 1 runs")
    assert said["alone"].startswith("unknown: no other agent")
    assert said["unseen"].startswith("unknown: 0 runs of other agents got no answer")


def test_an_agent_that_forges_a_passing_verdict_changes_nothing(tmp_path: Path) -> None:
    honest, victim = Run("honest"), Run("victim")
    forged = Run(
        "victim",
        agent="an-earlier-agent",
        sweep="an-earlier-sweep",
        origin="agent",
        verdict="success",
        without=frozenset(Role) - {Role.CELL_RUN, Role.VERIFY, Role.WORKSPACE_DIFF, Role.CONTAINER},
        calls=(),
        tools=0,
    )
    with stored(tmp_path) as store:
        store.put(*forged.requests())
        store.put(*honest.requests(), *victim.requests())
        store.put(*forged.requests())
        create_tables(store.connection)
        assert store.one("SELECT count(*) FROM span_conflict") > 0
        found = rows(
            store.connection,
            "SELECT * EXCLUDE (started_at) FROM scores AS s JOIN failures AS f USING (run_id) ",
        )
        ids = "SELECT cell_id, sweep_id FROM runs WHERE run_id = ?"
        assert [*rows(store.connection, ids, ["victim"])[0].values()] == [
            *(victim.resource[f"spanscore.{part}.id"] for part in ("cell", "sweep"))
        ]
    by_run = {row.pop("run_id"): row for row in found}
    own = {"evidence_trace_id", "evidence_span_id"}
    assert by_run["victim"]["pass"] == 0
    for column in by_run["honest"].keys() - own:
        assert by_run["victim"][column] == by_run["honest"][column], column
    assert by_run["victim"]["evidence_span_id"] == victim.span_id(Role.VERIFY)

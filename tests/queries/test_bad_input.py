"""Bad input gives a row and a grade, never an exception and never a silent omission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanscore.queries import catalog
from tests.queries.test_calls import at, proxied
from tests.support.harness_run import GOOD, LIMITED, Run
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import START_NS, span, traces_request

HUGE = 2**64 - 1


def role(name: str, second: float, seconds: float, **given: Any) -> Span:
    return at(second, seconds, spanscore__role=name, **given)


def cycle() -> list[Span]:
    """Three spans, each the child of the next."""
    ids = [f"{n:016x}" for n in (1, 2, 3)]
    return [at(n, id=ids[n], parent=ids[(n + 1) % 3]) for n in range(3)]


def at_time(start_ns: int, end_ns: int, **given: Any) -> Span:
    return span(start_ns=start_ns, end_ns=end_ns, **given)


RUNS: dict[str, list[Span]] = {
    "no root": [role("adapter_run", 1, 5), role("container", 2, 3), proxied(3)],
    "two roots": [role("cell_run", 0, 9, id="1" * 16), role("cell_run", 4, 9, id="2" * 16)],
    "cycle": cycle(),
    "its own parent": [at(0, id="a" * 16, parent="a" * 16)],
    "outliving child": [role("cell_run", 0, 5), role("container", 1, 60), proxied(2, 90)],
    "negative": [role("cell_run", 9, -4), role("container", 8, -2), proxied(7, -3)],
    "clock skew": [role("cell_run", 0, 9), role("container", 7_200, 5), proxied(7_201)],
    "zero times": [at_time(0, 0, spanscore__role="cell_run"), at_time(0, 5, span_id="2" * 16)],
    "huge times": [
        at_time(HUGE - 5, HUGE, spanscore__role="cell_run"),
        at_time(1, HUGE, span_id="2" * 16, spanscore__role="container"),
        at_time(2**63 - 2, 2**63 + 5, span_id="3" * 16, spanscore__role="model_call"),
        at_time(START_NS, HUGE, span_id="4" * 16, spanscore__role="tool_call"),
    ],
    "half": Run("half").spans()[::2],
    "recovered": Run("recovered", calls=(LIMITED, LIMITED, GOOD), verdict="success").spans(),
    "unknown task": Run("unknown task", task="nobody/knows").spans(),
    "one event of an agent": [at(0, name="claude_code.llm_request")],
    "no ids": [at(0, name="claude_code.tool"), at(2, name="qwen-code.tool")],
    "unknown role": [role("no_such_role", 0, 1)],
}
MANY = 30_000


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("bad")) as store:
        for number, (run_id, spans) in enumerate(RUNS.items()):
            for made in spans:
                made.trace_id = bytes([number + 1] * 16)
            resource = {"spanscore.run.id": run_id}
            store.put(traces_request(*spans, origin="harness", resource=resource))
        crowd = [span(trace="c" * 32, span_id=f"{n + 1:016x}") for n in range(MANY)]
        store.put(traces_request(*crowd, resource={"spanscore.run.id": "crowd"}))
        catalog.create_tables(store.connection)
        yield store.connection


@pytest.mark.parametrize("view", ["runs", "time_split", "outcomes", "scores", "evidence"])
def test_every_run_has_exactly_one_row(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    told = rows(connection, f"SELECT run_id FROM {view} ORDER BY run_id")
    assert [row["run_id"] for row in told] == sorted([*RUNS, "crowd"])


def test_every_run_has_a_grade(connection: duckdb.DuckDBPyConnection) -> None:
    assert {row["grade"] for row in rows(connection, "FROM evidence")} <= {"A", "B", "C", "D"}


def test_the_parts_of_every_total_add_up(connection: duckdb.DuckDBPyConnection) -> None:
    for told in rows(connection, "SELECT * EXCLUDE (run_id, wall_ns) FROM time_split"):
        total = told.pop("total_ns")
        assert total is None or sum(ns or 0 for ns in told.values()) == total
        assert all(ns is None or ns >= 0 for ns in told.values())


def one(connection: duckdb.DuckDBPyConnection, view: str, run_id: str) -> dict[str, Any]:
    [row] = rows(connection, f"FROM {view} WHERE run_id = ?", [run_id])
    return row


def test_without_a_root_a_run_is_interrupted_and_has_no_total(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run, split = one(connection, "runs", "no root"), one(connection, "time_split", "no root")
    assert (run["status"], run["roots"], run["ended_at"]) == ("interrupted", 0, None)
    assert (split["total_ns"], split["wall_ns"]) == (None, 5 * 10**9)


def test_of_two_roots_the_earlier_one_counts_and_both_are_told(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run = one(connection, "runs", "two roots")
    assert (run["roots"], run["end_ns"] - run["start_ns"]) == (2, 9 * 10**9)


def test_what_lies_outside_the_run_does_not_count(connection: duckdb.DuckDBPyConnection) -> None:
    outliving = one(connection, "time_split", "outliving child")
    assert (outliving["total_ns"], outliving["model_wait_ns"]) == (5 * 10**9, 3 * 10**9)
    skewed = one(connection, "time_split", "clock skew")
    assert (skewed["total_ns"], skewed["unattributed_ns"]) == (9 * 10**9, 9 * 10**9)


def test_a_clock_that_went_back_makes_no_time(connection: duckdb.DuckDBPyConnection) -> None:
    split = one(connection, "time_split", "negative")
    assert (split["total_ns"], split["model_wait_ns"], split["agent_ns"]) == (0, 0, 0)
    [call] = rows(connection, "FROM model_calls WHERE run_id = 'negative'")
    assert call["latency_ms"] == 0


def test_times_that_cannot_be_are_unknown(connection: duckdb.DuckDBPyConnection) -> None:
    for run_id in ("zero times", "huge times"):
        assert one(connection, "runs", run_id)["ended_at"] is None
        assert one(connection, "time_split", run_id)["total_ns"] is None


def test_refusals_that_recovered_are_one_call(connection: duckdb.DuckDBPyConnection) -> None:
    told = rows(connection, "FROM model_calls WHERE run_id = 'recovered' ORDER BY start_ns")
    assert [row["error_type"] for row in told] == ["429", "429", None]


def test_a_crowd_of_spans_is_one_run(connection: duckdb.DuckDBPyConnection) -> None:
    assert one(connection, "runs", "crowd")["spans"] == MANY

"""Tool calls: each once, the agent's own measure before what the proxy derived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanscore.queries import catalog
from tests.queries.test_calls import at
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import traces_request


def derived(second: float, **given: Any) -> Span:
    """A tool call that the proxy concluded from a response and the next request."""
    told = {"spanscore__role": "tool_call", "spanscore__timing": "derived"}
    return at(second, 2, **{"gen_ai__tool__name": "bash", **told, **given})


def executed(second: float, **given: Any) -> Span:
    """A tool call that the agent measured."""
    told = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": "bash"}
    return at(second, 1, **{**told, **given})


RUNS: dict[str, tuple[list[Span], list[Span]]] = {
    "same id": (
        [derived(1, gen_ai__tool__call__id="t1", spanscore__tool__is_error=True)],
        [executed(1.5, gen_ai__tool__call__id="t1")],
    ),
    "no id": (
        [derived(1), derived(5)],
        [executed(1.5, gen_ai__tool__call__id="t1"), executed(5.5, gen_ai__tool__call__id="t2")],
    ),
    "derived alone": ([derived(1, gen_ai__tool__call__id="t1")], []),
    "another": (
        [derived(1, gen_ai__tool__call__id="t1")],
        [executed(5, gen_ai__tool__call__id="t2", process__exit__code=3)],
    ),
    "openinference": (
        [],
        [at(1, openinference__span__kind="TOOL", tool__name="grep", failed=True)],
    ),
    "traceloop": ([], [at(1, traceloop__span__kind="tool", traceloop__entity__name="grep")]),
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("tools")) as store:
        for number, (run_id, both) in enumerate(RUNS.items()):
            for origin, spans in zip(("harness", "agent"), both, strict=True):
                for made in spans:
                    made.trace_id = bytes([number + 1] * 16)
                resource = {"spanscore.run.id": run_id}
                if spans:
                    store.put(traces_request(*spans, origin=origin, resource=resource))
        catalog.create_tables(store.connection)
        yield store.connection


def tools(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[dict[str, Any]]:
    return rows(connection, "FROM tool_calls WHERE run_id = ? ORDER BY start_ns", [run_id])


def test_a_call_that_both_tell_of_is_the_agents_with_what_only_the_proxy_knew(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    [told] = tools(connection, "same id")
    assert (told["timing"], told["duration_ms"], told["source"]) == ("measured", 1000.0, "span")
    assert told["is_error"] is True


def test_calls_without_an_id_are_matched_in_their_turn(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = tools(connection, "no id")
    assert [(row["source"], row["tool_call_id"]) for row in told] == [
        ("span", "t1"),
        ("span", "t2"),
    ]


def test_a_call_that_only_the_proxy_saw_is_derived(connection: duckdb.DuckDBPyConnection) -> None:
    [told] = tools(connection, "derived alone")
    assert (told["timing"], told["source"], told["is_error"]) == ("derived", "proxy", None)


def test_two_calls_are_two(connection: duckdb.DuckDBPyConnection) -> None:
    told = tools(connection, "another")
    assert [(row["source"], row["is_error"], row["exit_code"]) for row in told] == [
        ("proxy", None, None), ("span", True, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(("run_id", "is_error"), [("openinference", True), ("traceloop", False)])
def test_other_conventions_are_told_in_the_common_columns(
    connection: duckdb.DuckDBPyConnection, run_id: str, is_error: bool
) -> None:
    [told] = tools(connection, run_id)
    assert (told["tool"], told["is_error"]) == ("grep", is_error)

"""Model calls: each attempt once, whoever told of it, in one meaning, and nothing made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanscore.collector.inbox import Request
from spanscore.queries import catalog
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import SECOND_NS, START_NS, span, traces_request


def at(second: float, seconds: float = 1.0, *, failed: bool = False, **given: Any) -> Span:
    """A span that begins `second` seconds into the run; its id is `id`, else made of its time."""
    made = span(
        trace=given.pop("trace", "e" * 32),
        span_id=given.pop("id", f"{int(second * 1000) + 1:016x}"),
        parent=given.pop("parent", ""),
        name=given.pop("name", "chat"),
        start_ns=START_NS + int(second * SECOND_NS),
        end_ns=START_NS + int((second + seconds) * SECOND_NS),
        **given,
    )
    if failed:
        made.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
    return made


def proxied(second: float, seconds: float = 1.0, **given: Any) -> Span:
    """An attempt that the recording proxy saw."""
    given = {"spanscore__role": "model_call", "gen_ai__request__model": "m"} | given
    return at(second, seconds, **given)


def chat(second: float, seconds: float = 1.0, **given: Any) -> Span:
    """A call that the agent tells of in OTel's GenAI conventions."""
    given = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m"} | given
    return at(second, seconds, **given)


def tokens(number: int) -> dict[str, Any]:
    return {"gen_ai__usage__input_tokens": number, "gen_ai__usage__output_tokens": number}


HASHED: dict[str, Any] = {"spanscore__request__hash": "h", "gen_ai__request__model": "m"}
REFUSED: dict[str, Any] = {"http__response__status_code": 429}
OPEN_INFERENCE: dict[str, Any] = {
    "openinference__span__kind": "LLM",
    "llm__model_name": "m",
    "llm__token_count__prompt": 7,
    "llm__token_count__completion": 5,
    "llm__token_count__prompt_details__cache_read": 3,
}
TRACELOOP: dict[str, Any] = {
    "llm__request__type": "chat",
    "gen_ai__request__model": "m",
    "gen_ai__system": "openai",
    "gen_ai__usage__prompt_tokens": 7,
    "gen_ai__usage__completion_tokens": 5,
}

# By run: what the harness sends of it, and what its agent does.
RUNS: dict[str, tuple[list[Span], list[Span]]] = {
    "both": (
        [proxied(1, **tokens(10)), proxied(3, **tokens(20))],
        [chat(0.9, 1.2, id="a" * 16, **tokens(11)), chat(2.9, 1.2, id="b" * 16, **tokens(21))],
    ),
    "prefix": ([proxied(1, **tokens(10))], [chat(1, id="a" * 16, gen_ai__request__model="p/M")]),
    "other model": (
        [proxied(1, **tokens(10))],
        [chat(5, id="a" * 16, gen_ai__request__model="small", **tokens(2))],
    ),
    "usage by id": (
        [proxied(1, gen_ai__response__id="x"), proxied(3, gen_ai__response__id="y")],
        [
            chat(8, id="a" * 16, gen_ai__response__id="y", **tokens(21)),
            chat(9, id="b" * 16, gen_ai__response__id="x", **tokens(11)),
        ],
    ),
    "usage by time": ([proxied(1.2, 0.5), proxied(3)], [chat(1, id="a" * 16, **tokens(11))]),
    "nested": (
        [],
        [
            chat(1, 3, id="a" * 16, **tokens(9)),
            chat(1.5, 1, id="b" * 16, parent="a" * 16, **tokens(9)),
        ],
    ),
    "forged": ([], [proxied(1, gen_ai__operation__name="chat", **tokens(1))]),
    "retried": (
        [
            proxied(1, **HASHED, **REFUSED),
            proxied(3, **HASHED, **REFUSED),
            proxied(5, **HASHED, **tokens(1)),
            proxied(7, **HASHED, **tokens(1)),
        ],
        [],
    ),
    "side by side": (
        [
            proxied(1, spanscore__call__id="c1", **REFUSED),
            proxied(1.5, spanscore__call__id="c2", **tokens(2)),
            proxied(3, spanscore__call__id="c1", **tokens(1)),
        ],
        [],
    ),
    "openinference": ([], [at(1, **OPEN_INFERENCE), at(3, failed=True, **OPEN_INFERENCE)]),
    "traceloop": ([], [at(1, **TRACELOOP)]),
    "nonsense": (
        [],
        [
            chat(1, gen_ai__usage__input_tokens=-5, gen_ai__usage__output_tokens=2**62),
            chat(3, gen_ai__usage__input_tokens="many"),
        ],
    ),
}


def requests() -> Iterator[Request]:
    for number, (run_id, (harness, agent)) in enumerate(RUNS.items()):
        trace = bytes([number + 1] * 16)
        for origin, spans in (("harness", harness), ("agent", agent)):
            for made in spans:
                made.trace_id = trace
            if spans:
                resource = {"spanscore.run.id": run_id, "service.name": origin}
                yield traces_request(*spans, origin=origin, resource=resource)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("calls")) as store:
        store.put(*requests())
        catalog.create_tables(store.connection)
        yield store.connection


def calls(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[dict[str, Any]]:
    return rows(connection, "FROM model_calls WHERE run_id = ? ORDER BY start_ns", [run_id])


def test_what_the_agent_says_of_calls_that_the_proxy_saw_is_not_counted_again(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = calls(connection, "both")
    assert [(row["source"], row["input_tokens"]) for row in told] == [("proxy", 10), ("proxy", 20)]


def test_a_model_named_with_its_provider_is_the_same_model(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert [row["source"] for row in calls(connection, "prefix")] == ["proxy"]


def test_a_model_that_the_proxy_never_saw_is_called_beside_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = calls(connection, "other model")
    assert [(row["source"], row["request_model"]) for row in told] == [
        ("proxy", "m"), ("span", "small"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("run_id", "expected"), [("usage by id", [11, 21]), ("usage by time", [11, None])]
)
def test_usage_that_the_proxy_did_not_see_is_taken_from_the_agents_record_of_that_call(
    connection: duckdb.DuckDBPyConnection, run_id: str, expected: list[int | None]
) -> None:
    told = calls(connection, run_id)
    assert [row["source"] for row in told] == ["proxy", "proxy"]
    assert [row["input_tokens"] for row in told] == expected


def test_a_span_around_another_instrumentations_call_is_not_a_call_of_its_own(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert [row["span_id"] for row in calls(connection, "nested")] == ["b" * 16]


def test_an_agent_cannot_pass_for_the_proxy(connection: duckdb.DuckDBPyConnection) -> None:
    [told] = calls(connection, "forged")
    assert (told["source"], told["dialect"]) == ("span", "gen_ai")


def test_an_attempt_after_a_failed_one_is_its_retry_and_one_after_an_answer_is_a_call_of_its_own(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = calls(connection, "retried")
    first = told[0]["call_id"]
    assert [(row["call_id"] == first, row["attempt"]) for row in told] == [
        (True, 1), (True, 2), (True, 3), (False, 1),
    ]  # fmt: skip


def test_calls_side_by_side_keep_their_own_retries(connection: duckdb.DuckDBPyConnection) -> None:
    first, second, third = calls(connection, "side by side")
    assert first["call_id"] == third["call_id"] != second["call_id"]
    assert [row["attempt"] for row in (first, second, third)] == [1, 1, 2]


def test_openinference_is_told_in_the_common_columns(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    answered, failed = calls(connection, "openinference")
    assert (answered["input_tokens"], answered["output_tokens"]) == (7, 5)
    assert (answered["cache_read_tokens"], answered["error_type"]) == (3, None)
    assert failed["error_type"] == "_OTHER"


def test_traceloop_is_told_in_the_common_columns(connection: duckdb.DuckDBPyConnection) -> None:
    [told] = calls(connection, "traceloop")
    assert (told["provider"], told["request_model"]) == ("openai", "m")
    assert (told["input_tokens"], told["output_tokens"]) == (7, 5)
    assert told["cache_read_tokens"] is None


def test_a_count_that_cannot_be_one_is_unknown(connection: duckdb.DuckDBPyConnection) -> None:
    for told in calls(connection, "nonsense"):
        assert (told["input_tokens"], told["output_tokens"]) == (None, None)


def test_every_failed_attempt_has_an_error_and_no_answered_one_has(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    told = rows(connection, "FROM model_calls")
    assert {row["error_type"] for row in told if (row["http_status"] or 200) >= 400} == {"429"}
    assert all(row["error_type"] != "" for row in told)

"""What the proxy tells becomes the right calls, classes, times and grade in the views."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from spanscore.instrumentation.proxy import Proxy
from spanscore.queries.catalog import create_tables
from tests.support.harness_run import Run
from tests.support.model_server import FIX_STEPS, FIX_THE_BUG, ModelServer
from tests.support.proxied import CHAT, Proxied, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, Reply, chunked, whole
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import SECOND_NS, START_NS

MESSAGES, GEMINI = "/v1/messages", "/v1beta/models/main-model:generateContent"
MAIN, SIDE = {"model": "main-model"}, {"model": "other-mini", "tools": []}
DONE = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
GOOD_BODY = DONE | {"usage": {"prompt_tokens": 100, "completion_tokens": 10}}
GOOD = whole(json.dumps(GOOD_BODY).encode())
PIECE = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'


def _error(status: int, error: object) -> Reply:
    return _refuse(status, {"error": error})


def _refuse(status: int, body: object) -> Reply:
    return whole(json.dumps(body).encode(), status=f"{status} No")


def _in_stream(data: object) -> Reply:
    return chunked(PIECE, f"data: {json.dumps(data)}\n\n".encode())


@dataclass(frozen=True)
class Case:
    """What the endpoint answers, how often it is asked, and what must be said of the run."""

    replies: Sequence[Reply]
    failure_class: str | None
    value: str | None = None
    path: str = CHAT
    bodies: Sequence[dict[str, Any]] = (MAIN, MAIN)
    run: dict[str, Any] = field(default_factory=lambda: {"exit_code": 1})


WRONG = {"exit_code": 0}
OVERFLOW = "This model's maximum context length is 8192 tokens."
CASES = {
    "429": Case([_error(429, {"code": "rate_limit_exceeded"})], "provider_rate_limited"),
    "429 plain": Case([whole(b"busy", status="429 No")], "provider_rate_limited", "429"),
    "429 that recovered": Case([_error(429, {}), GOOD], "wrong_patch", run=WRONG),
    "quota": Case(
        [_error(429, {"code": "insufficient_quota"})], "provider_quota", "insufficient_quota"
    ),
    "402": Case([_error(402, {"message": "Insufficient credits"})], "provider_quota"),
    "balance": Case(
        [_error(400, {"type": "invalid_request_error", "message": "credit balance is too low"})],
        "provider_quota",
        "insufficient_quota",
        MESSAGES,
    ),
    "401": Case([_error(401, {"code": "invalid_api_key"})], "provider_auth", "invalid_api_key"),
    "403": Case([_error(403, "no")], "provider_auth", "403"),
    "gemini key": Case(
        [
            _error(
                400,
                {
                    "code": 400,
                    "status": "INVALID_ARGUMENT",
                    "message": "API key not valid.",
                    "details": [{"reason": "API_KEY_INVALID"}],
                },
            )
        ],
        "provider_auth",
        "API_KEY_INVALID",
        GEMINI,
    ),
    "404": Case([_error(404, {"type": "not_found_error"})], "provider_model_not_found"),
    "500": Case([_error(500, {"message": "oops"})], "provider_error", "500"),
    "529": Case([_error(529, {"type": "overloaded_error"})], "provider_error", path=MESSAGES),
    "context": Case(
        [_error(400, {"code": "context_length_exceeded"})],
        "context_overflow",
        "context_length_exceeded",
    ),
    "context of vllm": Case(
        [
            whole(
                json.dumps({"object": "error", "message": OVERFLOW, "code": 400}).encode(),
                status="400 No",
            )
        ],
        "context_overflow",
        "context_length_exceeded",
    ),
    "context of llama.cpp": Case(
        [_error(400, {"code": 400, "type": "exceed_context_size_error"})], "context_overflow"
    ),
    "context of claude": Case(
        [_error(400, {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"})],
        "context_overflow",
        "context_length_exceeded",
        MESSAGES,
    ),
    "filter": Case([_error(400, {"code": "content_filter"})], "content_filtered"),
    "filtered answer": Case(
        [whole(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode())],
        "content_filtered",
        "SAFETY",
        GEMINI,
    ),
    "never understood": Case(
        [_error(400, {"type": "invalid_request_error"})], "model_incompatible"
    ),
    "error in a stream": Case(
        [_in_stream({"error": {"code": 502, "message": "upstream"}})], "provider_error", "502"
    ),
    "unknown error in a stream": Case(
        [_in_stream({"error": {"type": "weird_thing"}})], "provider_error", "weird_thing"
    ),
    "error in a stream of claude": Case(
        [_in_stream({"type": "error", "error": {"type": "overloaded_error"}})],
        "provider_error",
        "overloaded_error",
        MESSAGES,
    ),
    "limit in a stream": Case(
        [_in_stream({"error": {"code": 429, "message": "slow down"}})], "provider_rate_limited"
    ),
    "cut": Case([chunked(PIECE, 0.02, ends=False, close=True)], "provider_unreachable"),
    "ended early": Case([chunked(PIECE)], "provider_unreachable", "connection_cut"),
    "no answer at all": Case([Reply([], reset=True)], "provider_unreachable", "connection_reset"),
    "a page": Case([whole(b"<html>")], "provider_error", "invalid_response"),
    "length": Case(
        [_error(400, {"message": "x", "type": "BadRequestError"})], "model_incompatible", "400"
    ),
    "a side call failed last": Case(
        [GOOD, _error(429, {})], "wrong_patch", bodies=(MAIN, SIDE), run=WRONG
    ),
    "no call": Case([GOOD], "never_called_model", bodies=(), run=WRONG),
    "no tool": Case(
        [GOOD], "no_tool_calls", bodies=(MAIN,), run=WRONG | {"changes": {}, "tools": 0}
    ),
    "crashed": Case([GOOD], "agent_crashed", bodies=(MAIN,)),
}
Answers = dict[str, dict[str, Any]]


def _now_s() -> float:
    """Now, on the clock of made runs."""
    return (time.time_ns() - START_NS) / SECOND_NS


def _ask(run: Proxied, case: Case) -> None:
    for body in case.bodies:
        with contextlib.suppress(OSError, http.client.HTTPException):
            run.post(case.path, chat(**body))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """By case: what the views say."""
    with stored(tmp_path_factory.mktemp("views")) as store, Proxy() as proxy:
        for name, case in CASES.items():
            given: dict[str, Any] = {"tools": 0, "calls": (), "agent_s": 10.0} | case.run
            harness = Run(name, start_s=_now_s() - 4, **given)
            with (
                RawEndpoint(case.replies) as endpoint,
                proxied(endpoint.url, proxy, harness, model="main-model") as run,
            ):
                _ask(run, case)
                assert run.close().calls_complete
                store.put(*harness.requests(), run.request())
        create_tables(store.connection)
        sql = "FROM outcomes AS o LEFT JOIN failures AS f ON f.run_id = o.run_id"
        found = rows(store.connection, f"SELECT o.run_id AS run, f.*, o.attempts {sql}")
        yield {row["run"]: row for row in found}


@pytest.mark.parametrize("name", CASES)
def test_a_failure_at_the_endpoint_gets_its_class_and_proof(answers: Answers, name: str) -> None:
    row, case = answers[name], CASES[name]
    assert row["failure_class"] == case.failure_class
    if case.value is not None:
        assert row["evidence_value"] == case.value
    if row["failure_class"].startswith(("provider", "model_inc", "context", "content")):
        assert row["basis"] == "measured"


def test_a_run_through_the_proxy_has_each_token_tool_and_attempt(tmp_path_factory: Any) -> None:
    harness = Run("run", tools=0, calls=(), start_s=_now_s() - 4, agent_s=10.0)
    with (
        stored(tmp_path_factory.mktemp("calls")) as store,
        ModelServer(FIX_THE_BUG) as model,
        proxied(model.url, of=harness, model="main-model") as run,
    ):
        first = chat(stream=True, stream_options={"include_usage": True})
        run.post(CHAT, first)
        time.sleep(0.05)
        result = {"role": "tool", "tool_call_id": "call_1", "content": "exit code: 3"}
        said = {"role": "assistant", "content": "I"}
        run.post(CHAT, chat(*first["messages"], said, result))
        run.close()
        store.put(*harness.requests(), run.request())
        create_tables(store.connection)
        calls = rows(store.connection, "FROM model_calls ORDER BY started_at")
        usage = [(step.usage.input_tokens, step.usage.output_tokens) for step in FIX_STEPS]
        assert [(c["input_tokens"], c["output_tokens"]) for c in calls] == usage
        assert {c["source"] for c in calls} == {"proxy"}
        assert calls[0]["first_token_ms"] <= calls[0]["latency_ms"]
        assert calls[1]["first_token_ms"] is None
        [tool] = rows(store.connection, "FROM tool_calls")
        assert (tool["tool"], tool["timing"], tool["exit_code"]) == ("bash", "derived", 3)
        assert (tool["is_error"], tool["source"]) == (True, "proxy")
        assert 40 < tool["duration_ms"] < 2000
        assert tool["start_ns"] >= calls[0]["end_ns"] - 1_000_000
        [split] = rows(store.connection, "FROM time_split")
        assert split["tools_ns"] > 40_000_000
        [grade] = rows(store.connection, "FROM evidence")
        assert (grade["grade"], grade["orphans"], grade["is_watched"]) == ("B", 0, True)
        assert grade["missing"] == "measured times of 1 call"

"""What a route tells when it closes, and the budget of a run."""

from __future__ import annotations

import json

import pytest

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.proxy import Budget, Upstream
from tests.support.model_server import FIX_STEPS, ModelServer
from tests.support.proxied import CHAT, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, whole

GOOD = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}


def test_traffic_counts_requests_calls_and_bytes() -> None:
    with RawEndpoint([whole(b"12345")]) as endpoint, proxied(endpoint.url) as run:
        run.post(CHAT, b"{}")
        run.post("/v1/analytics", b"abc")
        traffic = run.close()
    assert (traffic.requests, traffic.calls) == (2, 1)
    assert (traffic.request_bytes, traffic.response_bytes) == (5, 10)
    assert (traffic.calls_complete, traffic.gaps, traffic.divergences) == (True, (), 0)


@pytest.mark.parametrize(
    ("path", "complete"),
    [
        ("/v1/messages/count_tokens", True),
        ("/v1beta/models/m:countTokens", True),
        ("/v1/embeddings", True),
        ("/v1/analytics/codex/turn-costs", True),
        ("/v1/completions", False),
        ("/api/chat", False),
    ],
)
def test_a_model_call_by_an_unknown_api_is_a_gap_and_nothing_else_is(
    path: str, complete: bool
) -> None:
    body = {"input": "x"} if "analytics" in path else {"model": "m", "prompt": "x"}
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        run.post(path, body)
        run.post(path, body)
        traffic = run.close()
        assert run.calls == []
    assert traffic.calls_complete is complete
    if not complete:
        assert traffic.gaps == (f"2 x POST {path}: no model API that the proxy knows",)


def test_a_call_that_was_refused_is_no_gap() -> None:
    reply = whole(b"{}", status="404 No")
    with RawEndpoint([reply]) as endpoint, proxied(endpoint.url) as run:
        run.post("/v1/completions", {"model": "m"})
        assert run.close().calls_complete


def test_calls_beyond_the_budget_are_refused_in_the_words_of_the_api() -> None:
    with ModelServer() as model, proxied(model.url, budget=Budget(calls=2)) as run:
        for _ in range(2):
            assert run.open(CHAT, chat()).status == 200
        assert run.route.budget_exhausted is None
        response = run.open(CHAT, chat())
        assert response.status == 400
        assert json.loads(response.read())["error"]["code"] == "budget_exhausted"
        refused = json.loads(run.open("/v1/messages", {}).read())
        assert refused["error"]["type"] == "budget_exhausted"
        assert run.open("/v1/models", method="GET").status == 404  # not a call
        assert run.route.budget_exhausted == "calls"
        traffic = run.close()
        assert (traffic.budget_exhausted, traffic.calls, len(run.calls)) == ("calls", 2, 2)
        assert len(model.model_calls) == 2


def test_tokens_beyond_the_budget_are_refused() -> None:
    usage = FIX_STEPS[-1].usage
    limit = usage.input_tokens + usage.output_tokens
    with ModelServer() as model, proxied(model.url, budget=Budget(tokens=limit)) as run:
        assert run.open(CHAT, chat() | {"tools": []}).read()
        assert run.open(CHAT, chat()).status == 400
        assert run.close().budget_exhausted == "tokens"
        assert len(model.model_calls) == 1


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("http://h", "/v1/x", "http://h/v1/x"),
        ("http://h/", "/v1/x", "http://h/v1/x"),
        ("http://h/v1", "/v1/x", "http://h/v1/x"),
        ("http://h/v1/", "/v1/x", "http://h/v1/x"),
        ("http://h/v1", "/x", "http://h/v1/x"),
        ("http://h/api/v1", "/v1/x", "http://h/api/v1/x"),
        ("http://h/v1beta", "/v1beta/x", "http://h/v1beta/x"),
        ("http://h/v1", "/v1beta/x", "http://h/v1/v1beta/x"),
    ],
)
def test_an_endpoint_may_be_given_with_its_version_or_without(
    base: str, path: str, expected: str
) -> None:
    assert Upstream(base).join(path) == expected


@pytest.mark.parametrize(
    ("stream", "body", "why"),
    [
        (True, GOOD, "the agent did not ask for the usage of its stream"),
        (False, GOOD, "the answer tells none"),
        (False, GOOD | {"usage": {"prompt_tokens": 3}}, "the answer tells no output tokens"),
        (False, GOOD | {"usage": {"completion_tokens": -1}}, "the answer tells none"),
    ],
)
def test_usage_that_nobody_told_is_absent_and_says_why(
    stream: bool, body: dict[str, object], why: str
) -> None:
    with RawEndpoint([whole(json.dumps(body).encode())]) as endpoint, proxied(endpoint.url) as run:
        run.post(CHAT, chat(stream=stream))
        run.close()
        [call] = run.calls
    assert call[c.USAGE_MISSING] == why
    assert c.OUTPUT_TOKENS not in call


def test_the_agents_own_span_is_linked_and_never_the_parent() -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    with ModelServer() as model, proxied(model.url) as run:
        run.open(CHAT, chat(), {"traceparent": parent}).read()
        run.open(CHAT, chat(), {"traceparent": "nonsense"}).read()
        run.close()
        first, second = run.spans(c.Role.MODEL_CALL)
    [link] = first.links
    assert (link.context.trace_id, link.context.span_id) == (int("a" * 32, 16), int("b" * 16, 16))
    assert not second.links
    assert first.parent == second.parent
    assert first.parent is not None
    assert first.parent.span_id != link.context.span_id
    assert first.kind.name == "CLIENT"
    assert first.name == "chat main-model"

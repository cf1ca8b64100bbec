"""Which attempts are one call, and what a call is for."""

from __future__ import annotations

import pytest

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Purpose
from spanscore.instrumentation.proxy.attempts import MAX_REMEMBERED, Attempts
from spanscore.instrumentation.proxy.model_api import Asked
from spanscore.instrumentation.proxy.purpose import Purposes
from tests.support.model_server import FIX_STEPS, Fault, ModelServer, Script
from tests.support.proxied import CHAT, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, Reply, chunked, whole


def _begin(
    attempts: Attempts, body: str, *, fails: bool, retry: str | None = None
) -> tuple[str, int]:
    attempt = attempts.begin(body, "path model", retry)
    attempt.is_failed = fails
    return attempt.call_id, attempt.resend_count


def test_an_equal_request_after_a_failed_one_is_its_resend() -> None:
    attempts = Attempts()
    first, count = _begin(attempts, "a", fails=True)
    assert count == 0
    assert _begin(attempts, "a", fails=True) == (first, 1)
    assert _begin(attempts, "b", fails=True)[0] != first
    assert _begin(attempts, "a", fails=False) == (first, 2)


def test_an_equal_request_after_one_that_was_answered_is_another_call() -> None:
    attempts = Attempts()
    first, _ = _begin(attempts, "a", fails=False)
    second, count = _begin(attempts, "a", fails=True)
    assert (second != first, count) == (True, 0)


def test_a_client_that_counts_its_retries_is_believed_where_the_body_differs() -> None:
    attempts = Attempts()
    first, _ = _begin(attempts, "a", fails=True, retry="0")
    assert _begin(attempts, "b", fails=False, retry="1") == (first, 1)
    assert _begin(attempts, "c", fails=False, retry="1")[1] == 0


@pytest.mark.parametrize(
    "failed",
    [
        Reply([b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{", 0.5, b"}"]),
        chunked(b'data: {"error":{"message":"overloaded"}}\n\n', 0.5, b"data: [DONE]\n\n"),
    ],
    ids=["by its status", "in its stream"],
)
def test_what_is_sent_again_before_the_failed_answer_has_ended_is_its_resend(failed: Reply) -> None:
    with RawEndpoint([failed, whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        first = run.open(CHAT, chat())
        first.read(1)
        run.post(CHAT, chat())
        first.read()
        run.close()
        assert sorted(call.get(c.RESEND_COUNT, 0) for call in run.calls) == [0, 1]


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts()
    first, _ = _begin(attempts, "first", fails=True)
    for number in range(MAX_REMEMBERED):
        _begin(attempts, str(number), fails=True)
    assert _begin(attempts, "first", fails=True)[0] != first


def test_a_retry_ladder_is_one_call_on_the_spans() -> None:
    script = Script(FIX_STEPS, Fault(429, times=2))
    with ModelServer(script) as model, proxied(model.url) as run:
        for _ in range(3):
            run.post(CHAT, chat())
        run.close()
        assert len({call["spanscore.call.id"] for call in run.calls}) == 1
        assert [call.get("http.request.resend_count") for call in run.calls] == [None, 1, 2]
        assert [call.get("error.type") for call in run.calls[:2]] == ["rate_limit_error"] * 2
        assert len({call["spanscore.request.hash"] for call in run.calls}) == 1


@pytest.mark.parametrize(("attempts", "last_error"), [(2, "rate_limit_error"), (3, None)])
def test_a_run_is_told_with_what_its_last_call_came_to(
    attempts: int, last_error: str | None
) -> None:
    script = Script(FIX_STEPS, Fault(429, times=2))
    with ModelServer(script) as model, proxied(model.url) as run:
        for _ in range(attempts):
            run.post(CHAT, chat())
        assert run.close().last_error == last_error


def test_the_same_object_in_another_order_is_the_same_request() -> None:
    script = Script(FIX_STEPS, Fault(500, times=1))
    body = chat()
    with ModelServer(script) as model, proxied(model.url) as run:
        run.post(CHAT, body)
        run.post(CHAT, dict(reversed(body.items())))
        run.close()
        assert len({call["spanscore.request.hash"] for call in run.calls}) == 1
        assert len({call["spanscore.call.id"] for call in run.calls}) == 1


def _asked(model: str, says: str = "You are a coding agent.", tools: bool = True) -> Asked:
    return Asked(model, True, tools, says, None)


COMMIT = "You are an engineer that generates concise, one-line Git commit messages based on diffs."
TITLE = "You are a title generator. You output ONLY a thread title."


@pytest.mark.parametrize(
    ("run_model", "asked", "purposes"),
    [
        ("openai/gpt-4o", ["gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06"], "main aux main"),
        ("claude-sonnet-4-5", ["claude-haiku-4-5", "claude-sonnet-4-5-20250929"], "main main"),
        ("sonnet", ["claude-sonnet-4-5", "claude-sonnet-4-5"], "main main"),
        (None, ["gpt-4o", "gpt-4o-mini"], "main aux"),
        ("models/gemini-2.5-pro", ["gemini-2.5-pro", "gemini-2.5-flash"], "main aux"),
    ],
)
def test_a_call_to_another_model_than_the_runs_is_auxiliary(
    run_model: str | None, asked: list[str], purposes: str
) -> None:
    told = Purposes(run_model)
    found = [told.of(_asked(model)) for model in asked]
    assert [{"main": "main", "auxiliary": "aux"}[purpose] for purpose in found] == purposes.split()


def test_another_small_model_without_tools_is_auxiliary_even_before_the_first_main_call() -> None:
    told = Purposes("gpt-4o")
    assert told.of(_asked("gpt-4o-mini", tools=False)) is Purpose.AUXILIARY
    assert told.of(_asked("gpt-4o", tools=False)) is Purpose.MAIN


@pytest.mark.parametrize("says", [COMMIT, TITLE])
def test_a_side_job_on_the_same_model_is_known_by_its_instructions(says: str) -> None:
    told = Purposes("m")
    assert told.of(_asked("m", says, tools=False)) is Purpose.AUXILIARY
    assert told.of(_asked("m", says, tools=True)) is Purpose.MAIN


def test_a_probe_for_one_token_is_auxiliary() -> None:
    assert Purposes("m").of(Asked("m", False, False, "", 1)) is Purpose.AUXILIARY

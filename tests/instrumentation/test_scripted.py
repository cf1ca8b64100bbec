"""The scripted model server answers as the model APIs do, whole and streamed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from spanscore.instrumentation.scripted.script import FIX_STEPS, FOREVER_S, Fault, Script
from spanscore.instrumentation.scripted.server import ModelServer

Json = dict[str, Any]
USER = [{"role": "user", "content": "Fix it"}]
COMMAND = FIX_STEPS[0].command

# By API: path, the request's body with a shell tool, the request with no tool at all.
ASKING: dict[str, tuple[str, Json]] = {
    "anthropic": ("/v1/messages", {"model": "m1", "messages": USER, "tools": [{"name": "Bash"}]}),
    "chat": (
        "/v1/chat/completions",
        {
            "model": "m1",
            "messages": USER,
            "tools": [{"type": "function", "function": {"name": "bash"}}],
        },
    ),
    "responses": (
        "/v1/responses",
        {"model": "m1", "input": USER, "tools": [{"type": "function", "name": "exec_command"}]},
    ),
    "gemini": (
        "/v1beta/models/m1:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "Fix it"}]}],
            "tools": [{"functionDeclarations": [{"name": "run_shell_command"}]}],
        },
    ),
}
APIS = sorted(ASKING)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


def _post(model: ModelServer, path: str, body: Json) -> str:
    request = urllib.request.Request(
        model.url + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode())


def _streamed(api: str) -> tuple[str, Json]:
    path, body = ASKING[api]
    if api == "gemini":
        return path.replace("generate", "streamGenerate") + "?alt=sse", body
    return path, {**body, "stream": True}


@pytest.mark.parametrize("api", APIS)
def test_the_first_answer_calls_the_offered_shell_tool(model: ModelServer, api: str) -> None:
    path, body = ASKING[api]
    answer = json.loads(_post(model, path, body))
    assert json.dumps(COMMAND)[1:-1] in json.dumps(answer).replace("\\\\", "\\")
    (call,) = model.model_calls
    assert (call.model, call.status, call.usage) == ("m1", 200, FIX_STEPS[0].usage)


@pytest.mark.parametrize("api", APIS)
def test_a_caller_without_a_shell_gets_the_final_text(model: ModelServer, api: str) -> None:
    path, body = ASKING[api]
    assert FIX_STEPS[-1].text in _post(model, path, {**body, "tools": []})


@pytest.mark.parametrize("api", APIS)
def test_a_stream_consists_of_events_that_hold_json(model: ModelServer, api: str) -> None:
    lines = _post(model, *_streamed(api)).splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data
    assert all(json.loads(text) for text in data if text != "[DONE]")
    assert any("sed -i" in text for text in data)


def test_a_chat_stream_that_did_not_ask_for_usage_gets_none(model: ModelServer) -> None:
    path, body = _streamed("chat")
    assert "usage" not in _post(model, path, body)
    asking = {**body, "stream_options": {"include_usage": True}}
    assert "usage" in _post(model, path, asking)
    assert [call.usage for call in model.model_calls] == [None, FIX_STEPS[0].usage]


@pytest.mark.parametrize("api", APIS)
def test_a_fault_is_answered_as_often_as_the_script_says(api: str) -> None:
    fault = Fault(429, retry_after_s=7, times=1)
    with ModelServer(Script(FIX_STEPS, fault)) as model:
        path, body = ASKING[api]
        with pytest.raises(urllib.error.HTTPError) as refused:
            _post(model, path, body)
        assert refused.value.headers["Retry-After"] == "7"
        assert json.load(refused.value)["error"]
        refused.value.close()
        _post(model, path, body)
        assert [call.status for call in model.model_calls] == [429, 200]


def test_a_model_that_hangs_is_recorded_and_does_not_keep_the_server_from_stopping() -> None:
    with ModelServer(Script(FIX_STEPS, delay_s=FOREVER_S)) as model:
        path, body = ASKING["chat"]
        request = urllib.request.Request(
            model.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(request, timeout=0.2)
        assert [call.status for call in model.model_calls] == [0]


def test_a_path_outside_the_script_is_answered_404_and_recorded(model: ModelServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        _post(model, "/v1/analytics", {"costs": 1})
    refused.value.close()
    assert [(seen.path, seen.status) for seen in model.exchanges] == [("/v1/analytics", 404)]
    assert model.model_calls == []

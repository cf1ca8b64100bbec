"""Tool calls are derived from what answers ask for and later requests carry, in all four APIs."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.proxy.model_api import Answer, ToolCall, ToolResult
from spanscore.instrumentation.proxy.tool_calls import MAX_PENDING, ToolCalls
from tests.support.model_server import ModelServer
from tests.support.proxied import CHAT, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, whole

COMMAND = "sed -i 's/return a - b/return a + b/' calc.py && cat calc.py"
ARGUMENTS = {"command": COMMAND, "description": "Correct the operator"}
OUTPUT = "Exit code: 2\nno such file"

Body = dict[str, Any]


def _chat(*more: Body) -> Body:
    return chat({"role": "user", "content": "x"}, *more)


def _responses(*more: Body) -> Body:
    tools = [{"type": "function", "name": "bash", "parameters": {}}]
    return {"model": "m", "input": [{"role": "user", "content": "x"}, *more], "tools": tools}


def _messages(*more: Body) -> Body:
    tools = [{"name": "bash", "input_schema": {}}]
    return {"model": "m", "messages": [{"role": "user", "content": "x"}, *more], "tools": tools}


def _gemini(*more: Body) -> Body:
    tools = [{"functionDeclarations": [{"name": "bash"}]}]
    first = {"role": "user", "parts": [{"text": "x"}]}
    return {"contents": [first, *more], "tools": tools}


CALLED = {"functionCall": {"name": "bash", "args": ARGUMENTS}}
FAILED = {"functionResponse": {"name": "bash", "response": {"error": OUTPUT}}}
RESULT_BLOCK = {
    "type": "tool_result",
    "tool_use_id": "toolu_1",
    "content": [{"type": "text", "text": OUTPUT}],
    "is_error": True,
}
APIS: dict[str, tuple[str, Body, Body, bool | None]] = {
    "chat": (
        CHAT,
        _chat(),
        _chat(
            {"role": "assistant", "tool_calls": [{"id": "call_1"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": OUTPUT},
        ),
        None,
    ),
    "responses": (
        "/v1/responses",
        _responses(),
        _responses({"type": "function_call_output", "call_id": "call_1", "output": OUTPUT}),
        None,
    ),
    "messages": (
        "/v1/messages",
        _messages(),
        _messages({"role": "user", "content": [RESULT_BLOCK]}),
        True,
    ),
    "gemini": (
        "/v1beta/models/m:generateContent",
        _gemini(),
        _gemini({"role": "model", "parts": [CALLED]}, {"role": "user", "parts": [FAILED]}),
        True,
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", APIS)
def test_a_tool_call_lasts_from_the_answer_to_the_request_with_its_result(
    name: str, stream: bool
) -> None:
    path, first, second, is_error = APIS[name]
    if stream:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
        first = first if name == "gemini" else first | {"stream": True}
    with ModelServer() as model, proxied(model.url) as run:
        run.post(path, first)
        time.sleep(0.03)
        run.post(path, second)
        run.post(path, second)
        run.close()
        [tool] = run.tools
        [span] = run.spans(c.Role.TOOL_CALL)
    calls = run.spans(c.Role.MODEL_CALL)
    assert tool[c.TOOL_NAME] == "bash"
    assert tool[c.TIMING] == "derived"
    assert tool.get(c.TOOL_ERROR) == is_error
    assert tool[c.EXIT_CODE] == 2
    assert (tool[c.TOOL_RESULT_BYTES], tool[c.TOOL_RESULT_HASH]) == (
        len(OUTPUT),
        hashlib.sha256(OUTPUT.encode()).hexdigest(),
    )
    forms = (json.dumps(ARGUMENTS), json.dumps(ARGUMENTS, separators=(",", ":")))
    assert tool[c.TOOL_ARGUMENTS_BYTES] in map(len, forms)
    assert c.TOOL_RESULT not in tool
    start_ns, end_ns = span.start_time or 0, span.end_time or 0
    assert abs(start_ns - (calls[0].end_time or 0)) < 5_000_000
    assert end_ns == calls[1].start_time
    assert end_ns - start_ns >= 25_000_000


def test_a_result_that_never_came_ends_with_the_agent_and_says_so() -> None:
    with ModelServer() as model, proxied(model.url) as run:
        run.post(CHAT, chat())
        ended_ns = time.time_ns() + 5_000_000_000
        run.close(ended_ns)
        [tool] = run.tools
        [span] = run.spans(c.Role.TOOL_CALL)
    assert tool[c.TOOL_RESULT_MISSING]
    assert c.TOOL_RESULT_BYTES not in tool
    assert span.end_time == ended_ns


def test_content_is_kept_only_when_it_is_asked_for() -> None:
    for captures in (False, True):
        with ModelServer() as model, proxied(model.url, capture_content=captures) as run:
            path, first, second, _ = APIS["chat"]
            run.post(path, first)
            run.post(path, second)
            run.close()
            [tool] = run.tools
            call = run.calls[1]
        assert (c.TOOL_RESULT in tool) is captures
        assert (
            OUTPUT in json.dumps([tool, run.calls], default=str).replace("\\\\n", "\\n")
        ) is False or captures
        assert (c.INPUT_MESSAGES in call) is captures
        if captures:
            assert tool[c.TOOL_RESULT] == OUTPUT
            roles = [message["role"] for message in json.loads(call[c.INPUT_MESSAGES])]
            assert roles == ["user", "assistant", "tool"]
            [said] = json.loads(call[c.OUTPUT_MESSAGES])
            assert said["parts"][0]["content"].startswith("calc.py is corrected")


def test_parallel_conversations_keep_their_tool_calls_apart() -> None:
    def answer(number: int) -> bytes:
        function = {"name": f"tool_{number}", "arguments": "{}"}
        message = {"tool_calls": [{"id": f"call_{number}", "function": function}]}
        return json.dumps(
            {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
        ).encode()

    with (
        RawEndpoint([whole(answer(n)) for n in (1, 2, 3)]) as endpoint,
        proxied(endpoint.url) as run,
    ):
        run.post(CHAT, _chat())
        run.post(CHAT, _chat())
        for number in (2, 1):
            run.post(
                CHAT, _chat({"role": "tool", "tool_call_id": f"call_{number}", "content": "x"})
            )
        run.close()
        assert [tool[c.TOOL_NAME] for tool in run.tools] == ["tool_2", "tool_1", "tool_3"]


def _answer(*calls: tuple[str | None, str, str]) -> Answer:
    return Answer(tool_calls=[ToolCall(i, name, [arguments]) for i, name, arguments in calls])


def test_calls_without_ids_are_told_apart_by_name_and_arguments() -> None:
    tools = ToolCalls()
    tools.asked_for(_answer((None, "read", '{"f":1}'), (None, "read", '{"f":2}')), 1)
    second = ToolResult(None, "two", name="read", arguments='{"f":2}')
    [derived] = tools.answered([second], 2)
    assert (derived.call.arguments, derived.result) == ('{"f":2}', "two")
    assert list(tools.answered([second], 3)) == []
    assert [left.call.arguments for left in tools.unanswered(4)] == ['{"f":1}']


def test_what_waits_for_a_result_is_bounded() -> None:
    tools = ToolCalls()
    for number in range(MAX_PENDING):
        assert tools.asked_for(_answer((str(number), "t", "{}")), 1) == []
    [displaced] = tools.asked_for(_answer(("more", "t", "{}")), 2)
    assert (displaced.call.id, displaced.result) == ("0", None)


@pytest.mark.parametrize(
    ("tool", "said", "code"),
    [
        ("bash", "Exit code: 0\nWall time: 0.1 seconds", 0),
        ("exec_command", "Process exited with code 127\nOutput:", 127),
        ("shell", '{"output":"x","metadata":{"exit_code":3}}', 3),
        ("execute_bash", "[Command finished with exit code 1]", 1),
        ("bash", "<returncode>5</returncode>", 5),
        ("run_shell_command", "Output: a\nExit Code: -9", -9),
        ("bash", "x" * 9000 + "\nexit status 4", 4),
        ("bash", "nothing is said", None),
        ("read_file", "the docs say exit code 1", None),
        ("bash", "exit code 99999999999999", None),
    ],
)
def test_the_exit_code_of_a_shell_is_read_where_its_output_shows_it(
    tool: str, said: str, code: int | None
) -> None:
    tools = ToolCalls()
    tools.asked_for(_answer(("1", tool, "{}")), 1)
    [derived] = tools.answered([ToolResult("1", said)], 2)
    assert derived.exit_code == code

"""Reading an answer beside its way: the same for any chunks, and never an error."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.instrumentation.proxy import answer_reader
from spanscore.instrumentation.proxy.answer_reader import AnswerReader
from spanscore.instrumentation.proxy.apis import (
    anthropic,
    gemini,
    openai_chat,
    openai_responses,
)
from spanscore.instrumentation.proxy.model_api import Answer, Api
from spanscore.instrumentation.scripted import anthropic as scripted_anthropic
from spanscore.instrumentation.scripted import chat as scripted_chat
from spanscore.instrumentation.scripted import gemini as scripted_gemini
from spanscore.instrumentation.scripted import responses as scripted_responses
from spanscore.instrumentation.scripted.api import Answer as Scripted
from spanscore.instrumentation.scripted.api import Turn
from tests.support.model_server import FIX_STEPS

APIS: dict[str, tuple[Api, Any]] = {
    "chat": (openai_chat, scripted_chat),
    "responses": (openai_responses, scripted_responses),
    "messages": (anthropic, scripted_anthropic),
    "gemini": (gemini, scripted_gemini),
}
_WORDS = """
id type error code message choices delta index tool_calls function name arguments usage
model prompt_tokens details response output item content input status contents parts role
messages tools functionCall functionResponse candidates usageMetadata promptTokenCount
system stream max_tokens tool_call_id call_id is_error finish_reason stop_reason
content_block metadata violations reason text args data partial_json
"""
KEYS = _WORDS.split()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["error", "tool_use", "message_start", "response.completed", "model", "tool"])
    | st.text("ab1é", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)


def _stream(name: str, step: int = 0) -> bytes:
    api = APIS[name][1]
    answer = Scripted(
        Turn("m", stream=True, tool_results=step, tools=("bash",)), FIX_STEPS[step], 1
    )
    return b"".join(
        (f"event: {event}\n" if event else "").encode()
        + f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        for event, data in api.events(answer)
    )


def _read(api: Api, *chunks: bytes, encoding: str = "", has_events: bool = True) -> AnswerReader:
    reader = AnswerReader(api, encoding, has_events=has_events)
    for chunk in chunks:
        reader.feed(chunk)
    reader.end()
    return reader


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def _known(answer: Answer) -> object:
    calls = [(call.id, call.name, call.arguments) for call in answer.tool_calls]
    return (
        answer.id,
        answer.model,
        answer.finish_reasons,
        answer.usage,
        calls,
        "".join(answer.texts),
    )


@pytest.mark.parametrize("name", APIS)
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=20), compressed=st.booleans())
def test_any_chunking_of_an_answer_tells_the_same(
    name: str, cuts: list[int], compressed: bool
) -> None:
    stream = _stream(name)
    sent = gzip.compress(stream, mtime=0) if compressed else stream
    read = _read(APIS[name][0], *_cut(sent, cuts), encoding="gzip" if compressed else "")
    assert _known(read.answer) == _known(_read(APIS[name][0], stream).answer)
    assert read.answer.is_ended


@pytest.mark.parametrize("name", APIS)
@settings(max_examples=40)
@given(
    chunks=st.lists(st.binary(max_size=60), max_size=5),
    encoding=st.sampled_from(["", "gzip", "deflate", "br", "nonsense"]),
    has_events=st.booleans(),
)
def test_no_bytes_make_it_raise(
    name: str, chunks: list[bytes], encoding: str, has_events: bool
) -> None:
    _read(APIS[name][0], *chunks, encoding=encoding, has_events=has_events)


@pytest.mark.parametrize("name", APIS)
@settings(max_examples=60)
@given(bodies=st.lists(OBJECTS, max_size=3))
def test_no_shape_of_json_makes_it_raise(name: str, bodies: list[dict[str, object]]) -> None:
    api = APIS[name][0]
    data = b"".join(f"data: {json.dumps(body)}\n\n".encode() for body in bodies)
    reader = _read(api, data)
    _read(api, json.dumps(bodies[0] if bodies else bodies).encode(), has_events=False)
    for body in bodies:
        asked = api.asked("/v1beta/models/m:generateContent", body)
        assert isinstance(asked.offers_tools, bool)
        list(api.results(body))
        json.dumps(api.messages(body))
        json.dumps(api.error_body(400, "code", "message"))
    if reader.answer.fault is not None:
        assert reader.answer.fault.error_type(None)


@pytest.mark.parametrize("name", APIS)
def test_a_whole_answer_tells_what_its_stream_tells(name: str) -> None:
    api, scripted = APIS[name]
    turn = Turn("m", stream=False, tool_results=0, tools=("bash",))
    body = json.dumps(scripted.reply(Scripted(turn, FIX_STEPS[0], 1))).encode()
    whole = _read(api, body, has_events=False).answer
    streamed = _read(api, _stream(name)).answer
    for answer in (whole, streamed):
        [call] = answer.tool_calls
        assert call.name == "bash"
        assert json.loads(call.arguments)["command"].startswith("sed -i")
        assert answer.is_ended
    assert (whole.usage, whole.finish_reasons, whole.id, whole.model) == (
        streamed.usage,
        streamed.finish_reasons,
        streamed.id,
        streamed.model,
    )


@pytest.mark.parametrize(
    ("sent", "encoding", "why"),
    [
        (b"<html>", "", "not JSON"),
        (b"", "", "empty"),
        (b"{}", "br", "compressed as br"),
        (b"{}", "gzip", "its compression is damaged"),
        (b"[1", "", "not JSON"),
        (b"7", "", "not JSON"),
    ],
)
def test_what_cannot_be_read_says_why(sent: bytes, encoding: str, why: str) -> None:
    read = _read(openai_chat, sent, encoding=encoding, has_events=False)
    assert read.why_not == why


def test_a_body_beyond_the_bound_is_held_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_reader, "MAX_BODY_BYTES", 1000)
    bomb = zlib.compress(b" " * 100_000_000)
    read = _read(openai_chat, bomb, encoding="deflate", has_events=False)
    assert read.why_not == "too large"


def test_gemini_streams_an_array_where_no_events_are_asked_for() -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}
    last = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}}
    answer = _read(gemini, json.dumps([chunk, last]).encode(), has_events=False).answer
    assert (answer.texts, answer.finish_reasons, answer.usage.input_tokens) == (["a"], ["STOP"], 3)


def test_a_deeply_nested_body_makes_nothing_raise() -> None:
    deep = '{"input":' * 300 + "1" + "}" * 300
    call = '{"content":[{"type":"tool_use","id":"1","name":"x","input":' + deep + "}]}"
    assert _read(anthropic, call.encode(), has_events=False).answer.tool_calls[0].arguments == ""

"""Requests that are wrong or strange: a stated answer, and what was stored before stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc import aio
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, JSON, JSON_BODIES, Doors, receiver_process
from tests.support.otlp_messages import requests
from tests.support.telemetry import log, logs_request, span, traces_request
from tests.support.wire import field, nested_value, record

every_signal = pytest.mark.parametrize("signal", Signal)
BODY_OF_SPAN = field(1, b"t" * 16) + field(2, b"s" * 8)
YEAR_2200_NS = 7_258_118_400_000_000_000

# Wrong for every parser: the answer is 400 and INVALID_ARGUMENT.
UNDECODABLE = {
    "cut off": BODIES[Signal.LOGS][:-1],
    "no field": b"\xff",
    "a wire type that is none": b"\x0f",
    "invalid UTF-8": logs_request(log(body="text")).body.replace(b"text", b"te\xffx"),
    "10,000 arrays deep": record(field(5, nested_value(10_000))),
    "51 arrays deep": record(field(5, nested_value(51))),
    "10,000 groups deep": b"\x0b" * 10_000,
}
UNDECODABLE_JSON = {
    "cut off": JSON_BODIES[Signal.LOGS][:-1],
    "two documents": b"{}{}",
    "no object": b"[]",
    "invalid UTF-8": JSON_BODIES[Signal.LOGS].replace(b"hello", b"h\xffllo"),
    "10,000 arrays deep": b"[" * 10_000 + b"]" * 10_000,
    "10,000 values deep": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
    + b'{"arrayValue":{"values":[' * 10_000
    + b"]}}" * 10_000
    + b"}]}]}]}",
    "a wrong type": b'{"resourceLogs": 7}',
}
# Strange, but telemetry: stored as it was sent.
STRANGE = {
    "ends before it starts": traces_request(span(start_ns=10, end_ns=5)).body,
    "in 1970": traces_request(span(start_ns=0, end_ns=1)).body,
    "in 2200": traces_request(span(start_ns=YEAR_2200_NS, end_ns=YEAR_2200_NS)).body,
    "at the end of time": traces_request(span(start_ns=2**64 - 1, end_ns=2**64 - 1)).body,
    "100,000 attributes": record(
        BODY_OF_SPAN + b"".join(field(9, field(1, b"key.%d" % i)) for i in range(100_000))
    ),
    "the same id twice, with other content": traces_request(span(), span(name="other")).body,
    "one key twice": record(BODY_OF_SPAN + field(9, field(1, b"key")) * 2),
    "unknown fields": BODIES[Signal.TRACES] + field(2000, b"of a later version"),
    "48 arrays deep": record(BODY_OF_SPAN + field(9, field(2, nested_value(47)))),
    "50 KB of text": traces_request(span(text="x" * 50_000)).body,
}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A receiver in a process of its own, for many examples."""
    with receiver_process(tmp_path_factory.mktemp("lasting")) as (doors, _):
        yield doors


async def _code(doors: Doors, signal: Signal, body: bytes) -> grpc.StatusCode:
    try:
        await doors.export(signal, body)
    except aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", UNDECODABLE)
async def test_what_no_parser_takes_is_400_and_invalid_argument(doors: Doors, name: str) -> None:
    await doors.post("/v1/traces", BODIES[Signal.TRACES])
    body = UNDECODABLE[name]
    answer = await doors.post("/v1/logs", body)
    assert answer.status == 400
    assert await _code(doors, Signal.LOGS, body) is grpc.StatusCode.INVALID_ARGUMENT
    assert [request.body for request in doors.stored()] == [BODIES[Signal.TRACES]]


@pytest.mark.parametrize("name", UNDECODABLE_JSON)
async def test_what_is_no_otlp_in_json_is_400_with_the_reason(doors: Doors, name: str) -> None:
    answer = await doors.post("/v1/logs", UNDECODABLE_JSON[name], JSON)
    assert answer.status == 400
    reason = json.loads(answer.body)["message"]
    assert reason.startswith("the body is no ExportLogsServiceRequest in JSON: ")
    assert len(reason) < 1000
    assert doors.stored() == []


@pytest.mark.parametrize("name", STRANGE)
async def test_strange_telemetry_is_stored_as_it_was_sent(doors: Doors, name: str) -> None:
    body = STRANGE[name]
    assert (await doors.post("/v1/traces", body)).status == 200
    assert await doors.export(Signal.TRACES, body) == b""
    assert [request.body for request in doors.stored()] == [body, body]


@every_signal
async def test_a_request_for_another_signal_loses_nothing_silently(
    doors: Doors, signal: Signal
) -> None:
    for other in set(Signal) - {signal}:
        answer = await doors.post(signal.path, JSON_BODIES[other], JSON)
        assert (answer.status, doors.stored()) == (400, [])
        answer = await doors.post(signal.path, BODIES[other])
        assert (answer.status, doors.stored()) == (400, [])


@settings(max_examples=150)
@given(body=st.binary(max_size=200), signal=st.sampled_from(Signal), as_json=st.booleans())
def test_random_bytes_are_400_or_hold_nothing_to_lose(
    lasting: Doors, body: bytes, signal: Signal, as_json: bool
) -> None:
    content_type = {"content_type": JSON} if as_json else {}
    answer = asyncio.run(lasting.post(signal.path, body, **content_type))
    assert answer.status in (200, 400)


@settings(max_examples=50)
@given(data=st.data())
@every_signal
def test_a_request_that_was_cut_off_is_refused_or_stored_as_it_came(
    lasting: Doors, signal: Signal, data: Any
) -> None:
    body = data.draw(requests(signal)).SerializeToString()
    cut = body[: data.draw(st.integers(0, max(0, len(body) - 1)))]
    before = len(lasting.stored())
    answer = asyncio.run(lasting.post(signal.path, cut))
    new = [request.body for request in lasting.stored()[before:]]
    assert answer.status in (200, 400)
    assert answer.status == 200 or not new
    if signal is not Signal.TRACES:  # whose random ids are mostly rejected
        assert new in ([], [cut])


def test_a_process_that_saw_all_of_it_still_serves(lasting: Doors) -> None:
    for name, body in {**UNDECODABLE, **UNDECODABLE_JSON}.items():
        for content_type in ("application/x-protobuf", JSON):
            answer = asyncio.run(lasting.post("/v1/logs", body, content_type))
            assert answer.status == 400, name
    for signal in Signal:
        assert asyncio.run(lasting.post(signal.path, BODIES[signal])).status == 200
        assert asyncio.run(lasting.export(signal, BODIES[signal])) == b""

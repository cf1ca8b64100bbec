"""The HTTP door: types, encodings, paths, and a Status in the sender's encoding for every error."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from spanscore.collector.signals import Signal
from tests.support.doors import (
    BODIES,
    JSON,
    JSON_BODIES,
    LOOPBACK,
    PROTOBUF,
    Doors,
    open_doors,
    status_in,
    talk_http,
)
from tests.support.telemetry import span, traces_request

TRACES = BODIES[Signal.TRACES]
# Every way to be refused: name, method, path, headers, body, the status of the answer.
REFUSALS = {
    "no protobuf": ("POST", "/v1/traces", {}, b"\xff\xff", 400),
    "no gzip": ("POST", "/v1/logs", {"Content_Encoding": "gzip"}, TRACES, 400),
    "no signal": ("POST", "/", {}, b"\x78\x01", 400),
    "unknown token": ("POST", "/o/agent.x.1/v1/traces", {}, TRACES, 401),
    "a page's request": ("POST", "/v1/traces", {"Origin": "http://evil.example"}, TRACES, 403),
    "unknown path": ("POST", "/v1/profiles", {}, TRACES, 404),
    "wrong method": ("GET", "/v1/traces", {}, b"", 405),
    "too large": ("POST", "/v1/traces", {}, bytes(65_537), 413),
    "unknown encoding": ("POST", "/v1/traces", {"Content_Encoding": "br"}, TRACES, 415),
    "inbox full": ("POST", "/v1/logs", {}, BODIES[Signal.LOGS], 503),
}


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Doors]:
    """A receiver that takes little, and whose inbox has no room left."""
    async with open_doors(tmp_path, max_request_bytes=65_536, inbox_max_bytes=0) as doors:
        yield doors


@pytest.mark.parametrize("name", REFUSALS)
async def test_every_refusal_is_a_status_in_protobuf_for_those_who_send_protobuf(
    small: Doors, name: str
) -> None:
    method, path, headers, body, expected = REFUSALS[name]
    answer = await small.request(method, path, body, **{"Content_Type": PROTOBUF, **headers})
    assert (answer.status, answer.headers["Content-Type"]) == (expected, PROTOBUF)
    assert status_in(answer).message
    assert status_in(answer).code > 0
    assert small.stored() == []


@pytest.mark.parametrize("name", [name for name in REFUSALS if name != "inbox full"])
async def test_every_refusal_is_a_status_in_json_for_those_who_send_json(
    small: Doors, name: str
) -> None:
    method, path, headers, body, expected = REFUSALS[name]
    answer = await small.request(method, path, body, **{"Content_Type": JSON, **headers})
    assert (answer.status, answer.headers["Content-Type"]) == (expected, JSON)
    document = json.loads(answer.body)
    assert document["message"]
    assert document["code"] > 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", ""])
async def test_another_content_type_is_415_and_the_answer_names_the_two(
    doors: Doors, content_type: str
) -> None:
    headers = {"Content_Type": content_type} if content_type else {}
    answer = await doors.request("POST", "/v1/traces", TRACES, **headers)
    assert answer.status == 415
    assert PROTOBUF in json.loads(answer.body)["message"]
    assert JSON in json.loads(answer.body)["message"]


async def test_overload_is_503_with_a_delay_in_header_and_body(small: Doors) -> None:
    answer = await small.post("/v1/logs", REFUSALS["inbox full"][3])
    assert answer.status == 503
    info = RetryInfo()
    assert status_in(answer).details[0].Unpack(info)
    assert int(answer.headers["Retry-After"]) == info.retry_delay.seconds > 0


async def test_only_overload_asks_for_a_retry(small: Doors) -> None:
    method, path, headers, body, _ = REFUSALS["too large"]
    answer = await small.request(method, path, body, Content_Type=PROTOBUF, **headers)
    assert "Retry-After" not in answer.headers
    assert not status_in(answer).details


async def test_a_405_names_the_method_and_a_401_the_scheme(small: Doors) -> None:
    answer = await small.request("PUT", "/v1/logs", b"", Content_Type=PROTOBUF)
    assert answer.headers["Allow"] == "POST"
    answer = await small.post("/v1/logs", b"", Authorization="Bearer unknown")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"'],
)
async def test_content_type_may_have_parameters_and_any_case(
    doors: Doors, content_type: str
) -> None:
    body = JSON_BODIES[Signal.TRACES]
    assert (await doors.post("/v1/traces", body, content_type)).status == 200
    assert len(doors.stored()) == 1


@pytest.mark.parametrize("path", ["/v1/traces/", "//v1/traces", "/v1/traces?source=agent"])
async def test_slashes_too_many_and_queries_are_no_reason_to_lose_telemetry(
    doors: Doors, path: str
) -> None:
    assert (await doors.post(path, TRACES)).status == 200
    assert len(doors.stored()) == 1


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity", ""])
async def test_content_encoding_none_and_gzip(doors: Doors, encoding: str) -> None:
    body = gzip.compress(TRACES) if encoding.lower() == "gzip" else TRACES
    assert (await doors.post("/v1/traces", body, Content_Encoding=encoding)).status == 200
    assert [request.body for request in doors.stored()] == [TRACES]


async def test_an_answer_is_gzip_for_those_who_accept_it(doors: Doors) -> None:
    bad = traces_request(span(span_id="")).body
    for content_type in (PROTOBUF, JSON):
        plain = await doors.post("/v1/traces", b"{", JSON)
        packed = await doors.post("/v1/traces", b"{", JSON, Accept_Encoding="deflate, gzip")
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body, content_type
    packed = await doors.post("/v1/traces", bad, Accept_Encoding="gzip")
    response = Signal.TRACES.response_type.FromString(gzip.decompress(packed.body))
    assert response == Signal.TRACES.response_type(
        partial_success={
            "rejected_spans": 1,
            "error_message": response.partial_success.error_message,  # type: ignore[attr-defined]
        }
    )


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("br, GZIP ; q=0.5", True),
        ("gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("identity", False),
        ("x-gzip-like", False),
    ],
)
async def test_an_answer_is_plain_for_those_who_do_not_accept_gzip(
    doors: Doors, accepted: str, is_packed: bool
) -> None:
    answer = await doors.post("/v1/traces", b"\xff", Accept_Encoding=accepted)
    assert ("Content-Encoding" in answer.headers) == is_packed


async def test_a_chunked_body_needs_no_length(doors: Doors) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(TRACES), 7):
            yield TRACES[start : start + 7]

    assert (await doors.post("/v1/traces", chunks())).status == 200
    assert [request.body for request in doors.stored()] == [TRACES]


async def test_a_connection_may_carry_all_signals_in_all_encodings(doors: Doors) -> None:
    connections = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connections) as client:
        for signal in Signal:
            url = f"http://{LOOPBACK}:{doors.http_port}{signal.path}"
            for content_type, body in ((PROTOBUF, BODIES[signal]), (JSON, JSON_BODIES[signal])):
                headers = {"Content-Type": content_type}
                async with client.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 200
                    assert answer.headers.get("Connection") != "close"
    stored = [request.signal for request in doors.stored()]
    assert stored == [signal for signal in Signal for _ in range(2)]


async def test_a_client_that_asks_before_sending_is_told_to_go_on(doors: Doors) -> None:
    head = _head(f"Content-Length: {len(TRACES)}", "Expect: 100-continue", "Connection: close")
    received = await talk_http(doors, head, TRACES)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_a_client_that_asks_before_sending_too_much_is_told_not_to(small: Doors) -> None:
    head = _head("Content-Length: 9000000", "Expect: 100-continue", "Connection: close")
    received = await talk_http(small, head, half_close=True)
    assert received.startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_ends_at_the_limit(small: Doors) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(10_000)

    assert (await small.post("/v1/traces", endless())).status == 413


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://[", "file://"])
async def test_a_page_of_another_site_may_not_write(doors: Doors, origin: str) -> None:
    answer = await doors.post("/v1/traces", TRACES, Origin=origin)
    assert answer.status == 403
    assert doors.stored() == []


async def test_a_name_that_was_pointed_at_this_machine_is_another_site(doors: Doors) -> None:
    host = f"rebound.example:{doors.http_port}"
    answer = await doors.post("/v1/traces", TRACES, Origin=f"http://{host}", Host=host)
    assert answer.status == 403


async def test_a_page_of_this_very_address_may_write(doors: Doors) -> None:
    own = f"http://{LOOPBACK}:{doors.http_port}"
    assert (await doors.post("/v1/traces", TRACES, Origin=own)).status == 200
    other = f"http://{LOOPBACK}:{doors.http_port + 1}"
    assert (await doors.post("/v1/traces", TRACES, Origin=other)).status == 403


async def test_partly_bad_traces_are_200_in_json_too(doors: Doors) -> None:
    document = json.loads(JSON_BODIES[Signal.TRACES])
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], "traceId": "00" * 16})
    answer = await doors.post("/v1/traces", json.dumps(document).encode(), JSON)
    partial = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, partial["rejectedSpans"]) == (200, "1")
    assert "1 of 2 spans" in partial["errorMessage"]
    assert doors.messages() == [Signal.TRACES.request_type.FromString(TRACES)]


def _head(*headers: str) -> bytes:
    lines = ["POST /v1/traces HTTP/1.1", "Host: test", f"Content-Type: {PROTOBUF}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()

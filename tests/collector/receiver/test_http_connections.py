"""Connections that are slow, half-closed, cut, or speak no HTTP; each is ended in bounded time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from spanscore.collector.receiver import http
from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, PROTOBUF, Doors, open_doors, talk_http

BODY = BODIES[Signal.TRACES]
HEAD = (
    f"POST /v1/traces HTTP/1.1\r\nHost: test\r\nContent-Type: {PROTOBUF}\r\n"
    f"Content-Length: {len(BODY)}\r\n"
).encode()
CHUNKED = HEAD.partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"


async def _still_serves(doors: Doors) -> bool:
    return (await doors.post("/v1/traces", BODY)).status == 200


async def test_a_client_that_closes_its_half_after_the_request_gets_its_answer(
    doors: Doors,
) -> None:
    received = await talk_http(doors, HEAD + b"\r\n" + BODY, half_close=True)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in received
    assert len(doors.stored()) == 1


async def test_two_requests_at_once_are_answered_in_order(doors: Doors) -> None:
    request = HEAD + b"\r\n" + BODY
    received = await talk_http(
        doors, request, request.replace(b"Host", b"Connection: close\r\nHost")
    )
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert len(doors.stored()) == 2


@pytest.mark.parametrize("sent", [HEAD + b"\r\n" + BODY[:-1], CHUNKED + b"5\r\nabcde\r\n"])
async def test_a_client_that_closes_its_half_within_the_body_hears_that_it_is_not_whole(
    doors: Doors, sent: bytes
) -> None:
    received = await talk_http(doors, sent, half_close=True)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"did not arrive whole" in received
    assert doors.stored() == []
    assert await _still_serves(doors)


async def test_a_client_that_closes_its_half_within_the_headers_is_left(doors: Doors) -> None:
    assert await talk_http(doors, HEAD, half_close=True) == b""
    assert await _still_serves(doors)


async def test_a_client_that_vanishes_within_the_body_stores_nothing(doors: Doors) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.http_port)
    writer.write(HEAD + b"\r\n" + BODY[:10])
    await writer.drain()
    writer.transport.abort()
    del reader
    assert await _still_serves(doors)
    assert len(doors.stored()) == 1


async def test_a_body_that_does_not_arrive_in_time_is_503(tmp_path: Path) -> None:
    async with open_doors(tmp_path, body_timeout_s=0.2) as doors:
        received = await talk_http(doors, HEAD + b"\r\n" + BODY[:10])
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"within 0.2 s" in received
        assert b"Retry-After: " in received
        assert await _still_serves(doors)


@pytest.mark.parametrize("sent", [b"", HEAD])
async def test_a_connection_without_a_whole_request_is_closed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http, "KEEPALIVE_S", 0.2)
    async with open_doors(tmp_path) as doors:
        assert await talk_http(doors, sent) == b""


async def test_slow_connections_do_not_hold_up_others(doors: Doors) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", doors.http_port) for _ in range(50)]
    for _, writer in slow:
        writer.write(HEAD + b"\r\n" + BODY[:10])
        await writer.drain()
    assert await _still_serves(doors)
    for reader, writer in slow:
        writer.write(BODY[10:])
        await writer.drain()
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await writer.wait_closed()
    assert len(doors.stored()) == 51


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # a TLS client hello
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",  # a gRPC client
        b"hello\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_status_too(doors: Doors, sent: bytes) -> None:
    received = await talk_http(doors, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert json.loads(body)["code"] == 3
    assert "no HTTP/1.1 request" in json.loads(body)["message"]
    assert await _still_serves(doors)


@pytest.mark.parametrize("header", [b"Content-Type", b"Content-Encoding", b"Authorization"])
async def test_header_bytes_that_are_no_text_are_refused_like_any_wrong_value(
    doors: Doors, header: bytes
) -> None:
    head = HEAD.replace(
        b"Content-Type: ", header + b": Bearer \xff\xfe\r\nConnection: close\r\nX: "
    )
    received = await talk_http(doors, head + b"\r\n" + BODY)
    assert received.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 415 "))
    assert json.loads(received.partition(b"\r\n\r\n")[2])["message"]


async def test_a_broken_chunk_is_400_and_stores_nothing(doors: Doors) -> None:
    received = await talk_http(doors, CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n")
    assert received.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert doors.stored() == []


async def test_in_flight_bytes_beyond_the_bound_are_503_and_come_back(tmp_path: Path) -> None:
    bound = dict.fromkeys(("max_request_bytes", "max_in_flight_bytes"), 5000)
    async with open_doors(tmp_path, **bound) as doors:
        _, writer = await asyncio.open_connection("127.0.0.1", doors.http_port)
        writer.write(HEAD.replace(str(len(BODY)).encode(), b"4990") + b"\r\n" + bytes(4980))
        await writer.drain()
        for _ in range(100):  # until the receiver has read what was sent
            refused = await doors.post("/v1/traces", BODY)
            if refused.status != 200:
                break
        writer.close()
        await writer.wait_closed()
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
        assert await _still_serves(doors)

"""The gRPC door: tokens, sizes, slow calls, and the status code of every error."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from spanscore.collector.receiver.origin import TOKEN_HEADER, mint
from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, KEY, Doors, open_doors, talk
from tests.support.telemetry import span, traces_request

TRACES = BODIES[Signal.TRACES]
EXPORT = f"/{Signal.TRACES.service}/Export"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Doors]:
    """A receiver that takes little, and only from those who know its token."""
    limits = {"max_request_bytes": 65_536, "body_timeout_s": 0.2}
    async with open_doors(tmp_path, token="the server's token", **limits) as doors:
        yield doors


TOKEN = {"authorization": "Bearer the server's token"}


async def _refused(
    doors: Doors, signal: Signal, body: bytes, metadata: Mapping[str, str]
) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await doors.export(signal, body, metadata=metadata)
    assert doors.stored() == []
    return caught.value


def _retry_info(error: aio.AioRpcError) -> RetryInfo | None:
    trailing: Any = error.trailing_metadata()
    details = dict(trailing).get("grpc-status-details-bin")
    if details is None:
        return None
    status = Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    return info


async def test_what_is_no_protobuf_is_invalid_argument(small: Doors) -> None:
    error = await _refused(small, Signal.LOGS, b"\xff\xff", TOKEN)
    assert (error.code(), _retry_info(error)) == (grpc.StatusCode.INVALID_ARGUMENT, None)
    assert "ExportLogsServiceRequest" in str(error.details())


async def test_broken_gzip_is_invalid_argument(small: Doors) -> None:
    packed = gzip.compress(TRACES)
    for body in (packed[:-9], packed[:-8] + bytes(8), packed + b"tail"):
        error = await _refused(small, Signal.TRACES, body, TOKEN)
        assert (error.code(), _retry_info(error)) == (grpc.StatusCode.INVALID_ARGUMENT, None)


async def test_a_message_beyond_the_limit_is_resource_exhausted_without_retry(
    small: Doors,
) -> None:
    for body in (bytes(65_537), gzip.compress(bytes(65_537))):
        error = await _refused(small, Signal.TRACES, body, TOKEN)
        assert (error.code(), _retry_info(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)


async def test_a_full_inbox_is_unavailable_with_a_delay(tmp_path: Path) -> None:
    async with open_doors(tmp_path, inbox_max_bytes=0) as full:
        error = await _refused(full, Signal.LOGS, BODIES[Signal.LOGS], {})
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    info = _retry_info(error)
    assert info is not None
    assert info.retry_delay.seconds > 0


async def test_no_token_and_an_unknown_one_are_unauthenticated(small: Doors) -> None:
    for metadata in ({}, {"authorization": "Bearer other"}, {"x-spanscore-token": "agent.run.00"}):
        error = await _refused(small, Signal.TRACES, TRACES, metadata)
        assert (error.code(), _retry_info(error)) == (grpc.StatusCode.UNAUTHENTICATED, None)


async def test_the_token_is_asked_for_before_the_message_is_read(small: Doors) -> None:
    async with small.channel() as channel:
        call = channel.stream_unary(EXPORT, None, None)(_never())
        with pytest.raises(aio.AioRpcError) as caught:
            await call
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_metadata_tells_the_origin(small: Doors) -> None:
    agent, harness = mint(KEY, "agent", "run-1"), mint(KEY, "harness", "run-1")
    for metadata in ({TOKEN_HEADER: agent}, {"authorization": f"Bearer {harness}"}, TOKEN):
        await small.export(Signal.TRACES, TRACES, metadata=metadata)
    assert [request.origin for request in small.stored()] == ["agent", "harness", "open"]


async def test_a_message_that_does_not_arrive_in_time_is_unavailable(small: Doors) -> None:
    async with small.channel() as channel:
        call = channel.stream_unary(EXPORT, None, None)(_never(), metadata=tuple(TOKEN.items()))
        with pytest.raises(aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert _retry_info(caught.value) is not None


async def test_slow_calls_of_one_origin_do_not_hold_up_another(doors: Doors) -> None:
    slow_token = ((TOKEN_HEADER, mint(KEY, "agent", "slow")),)
    async with doors.channel() as channel:
        export = channel.stream_unary(EXPORT, None, None)
        slow = [export(_never(), metadata=slow_token) for _ in range(40)]
        harness = {TOKEN_HEADER: mint(KEY, "harness", "run-1")}
        assert await doors.export(Signal.TRACES, TRACES, metadata=harness) == b""
        for call in slow:
            call.cancel()
    assert [request.origin for request in doors.stored()] == ["harness"]


async def test_a_cancelled_call_leaves_the_door_open(doors: Doors) -> None:
    async with doors.channel() as channel:
        call = channel.stream_unary(EXPORT, None, None)(_never())
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await doors.export(Signal.TRACES, TRACES) == b""


async def test_a_call_without_a_message_is_refused(doors: Doors) -> None:
    async with doors.channel() as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await channel.stream_unary(EXPORT, None, None)(_nothing())
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_unknown_service_is_unimplemented(doors: Doors) -> None:
    async with doors.channel() as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await channel.unary_unary("/opentelemetry.Profiles/Export", None, None)(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_compression_that_otlp_does_not_know_is_unimplemented(doors: Doors) -> None:
    # So large that the client library does compress it.
    body = traces_request(span(name="x" * 1000)).body
    with pytest.raises(aio.AioRpcError) as caught:
        await doors.export(Signal.TRACES, body, compression=grpc.Compression.Deflate)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert doors.stored() == []


async def test_partly_bad_traces_are_ok_with_a_partial_success(doors: Doors) -> None:
    body = traces_request(span(), span(span_id="")).body
    response = Signal.TRACES.response_type.FromString(await doors.export(Signal.TRACES, body))
    assert response.partial_success.rejected_spans == 1  # type: ignore[attr-defined]
    assert [request.body for request in doors.stored()] == [TRACES]


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        PREFACE,
        PREFACE + SETTINGS + b"\xff" * 100,
        PREFACE + SETTINGS + b"\x00\x40\x00\x01\x04\x00\x00\x00\x01" + bytes(50),
    ],
)
async def test_connections_that_speak_no_grpc_or_end_early_leave_the_door_open(
    doors: Doors, sent: bytes
) -> None:
    await asyncio.to_thread(talk, doors.grpc_port, [sent], half_close=True)
    assert await doors.export(Signal.TRACES, TRACES) == b""


async def _never() -> AsyncIterator[bytes]:
    await asyncio.sleep(20)
    yield b""


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""

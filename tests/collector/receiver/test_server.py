"""Both doors over one inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from grpc import aio

from spanscore.collector.inbox import Inbox
from spanscore.collector.receiver.options import ReceiverOptions
from spanscore.collector.receiver.server import Receiver, serve
from spanscore.collector.signals import Signal


@pytest.fixture
def options(tmp_path: Path) -> ReceiverOptions:
    return ReceiverOptions(tmp_path / "inbox", b"key", grpc="127.0.0.1:0", http="127.0.0.1:0")


@pytest.fixture
async def receiver(options: ReceiverOptions) -> AsyncIterator[Receiver]:
    receiver = await serve(options)
    yield receiver
    await receiver.stop(5)


def _one_span() -> bytes:
    request = Signal.TRACES.request_type()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat")
    return request.SerializeToString()


async def test_what_either_door_acknowledges_is_in_the_inbox(
    receiver: Receiver, options: ReceiverOptions
) -> None:
    body = _one_span()
    url = f"http://127.0.0.1:{receiver.http_port}/v1/traces"
    headers = {"Content-Type": "application/x-protobuf"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=body, headers=headers) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"")
    async with aio.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        assert await channel.unary_unary(f"/{Signal.TRACES.service}/Export")(body) == b""
    with Inbox(options.inbox) as inbox:
        inbox.register("test")
        entries = inbox.read("test", after=0, max_requests=10, max_bytes=10**6)
    assert [(entry.request.signal, entry.request.body) for entry in entries] == [
        (Signal.TRACES, body)
    ] * 2

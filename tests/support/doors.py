"""A receiver on free ports, plain clients for its two doors, and a look into its inbox."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import aiohttp
import grpc
from google.rpc.status_pb2 import Status
from grpc import aio

from spanscore.collector.child import Started
from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.receiver.main import run
from spanscore.collector.receiver.options import ReceiverOptions
from spanscore.collector.receiver.server import Receiver, serve
from spanscore.collector.signals import Signal
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

KEY = b"the key of the tests"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0

# One record of each signal.
BODIES = {
    Signal.TRACES: traces_request(span()).body,
    Signal.LOGS: logs_request(log()).body,
    Signal.METRICS: metrics_request("tokens", 1).body,
}
# The same as OTLP/JSON.
JSON_BODIES = {
    Signal.TRACES: b"""{"resourceSpans": [{"resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "tester"}}]},
        "scopeSpans": [{"spans": [{
          "traceId": "0102030405060708090A0B0C0D0E0F10", "spanId": "0102030405060708",
          "name": "work", "startTimeUnixNano": "1790000000000000000",
          "endTimeUnixNano": 1790000001000000000}]}]}]}""",
    Signal.LOGS: b"""{"resourceLogs": [{"resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "tester"}}]},
        "scopeLogs": [{"logRecords": [{
          "timeUnixNano": "1790000000000000000", "body": {"stringValue": "hello"}}]}]}]}""",
    Signal.METRICS: b"""{"resourceMetrics": [{"resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "tester"}}]},
        "scopeMetrics": [{"metrics": [{"name": "tokens", "gauge": {"dataPoints": [
          {"timeUnixNano": "1790000000000000000", "asInt": "1"}]}}]}]}]}""",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its body as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Doors:
    """Clients for the two doors of a receiver."""

    def __init__(self, options: ReceiverOptions, grpc_port: int, http_port: int) -> None:
        self.options = options
        self.grpc_port = grpc_port
        self.http_port = http_port

    async def post(
        self, path: str, body: Any = b"", content_type: str = PROTOBUF, **headers: str
    ) -> Answer:
        """POST to the HTTP door; header names are written with `_` for `-`."""
        return await self.request("POST", path, body, Content_Type=content_type, **headers)

    async def request(self, method: str, path: str, body: Any = b"", **headers: str) -> Answer:
        """Any request to the HTTP door; header names are written with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = BytesIO(body) if isinstance(body, bytes) else body
        async with (
            aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=_AUTOMATIC) as client,
            client.request(
                method, f"http://{LOOPBACK}:{self.http_port}{path}", data=data, headers=sent
            ) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.read())

    async def export(
        self,
        signal: Signal,
        body: bytes,
        *,
        metadata: Mapping[str, str] = MappingProxyType({}),
        compression: grpc.Compression | None = None,
    ) -> bytes:
        """Call the gRPC door. Raises AioRpcError."""
        async with self.channel() as channel:
            call = channel.unary_unary(f"/{signal.service}/Export", None, None)
            return cast(
                "bytes", await call(body, metadata=tuple(metadata.items()), compression=compression)
            )

    def channel(self) -> aio.Channel:
        """A channel to the gRPC door that sends messages of any size."""
        unlimited = (("grpc.max_send_message_length", -1),)
        return aio.insecure_channel(f"{LOOPBACK}:{self.grpc_port}", options=unlimited)

    def stored(self) -> list[Request]:
        """What the inbox holds, in order."""
        with Inbox(self.options.inbox) as inbox:
            inbox.register("stored")
            entries = inbox.read("stored", after=0, max_requests=10_000, max_bytes=1 << 40)
            inbox.forget("stored")
        return [entry.request for entry in entries]

    def counters(self) -> dict[str, int]:
        """The counters of the inbox; of a running receiver, up to about a second ago."""
        with Inbox(self.options.inbox) as inbox:
            return inbox.counters()

    def messages(self) -> list[Any]:
        """What the inbox holds, parsed."""
        return [request.signal.request_type.FromString(request.body) for request in self.stored()]


# What the client library would add by itself.
_AUTOMATIC = ("Content-Type", "Accept-Encoding", "Accept", "User-Agent")


def options_in(folder: Path, **changes: Any) -> ReceiverOptions:
    """Options of a receiver on free ports with its inbox in `folder`."""
    free = f"{LOOPBACK}:0"
    plain: dict[str, Any] = {"inbox": folder / "inbox", "ingest_key": KEY}
    return ReceiverOptions(**{**plain, "grpc": free, "http": free, **changes})


@asynccontextmanager
async def open_doors(folder: Path, **changes: Any) -> AsyncIterator[Doors]:
    """A receiver in this event loop."""
    options = options_in(folder, **changes)
    receiver: Receiver = await serve(options)
    try:
        yield Doors(options, receiver.grpc_port, receiver.http_port)
    finally:
        await receiver.stop(5)


@contextmanager
def receiver_process(folder: Path, **changes: Any) -> Iterator[tuple[Doors, int]]:
    """A receiver in a process of its own, and its process id."""
    options = options_in(folder, **changes)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=run, args=(options, theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(START_TIMEOUT_S)
        started = ours.recv()
        assert isinstance(started, Started), started
        assert process.pid is not None
        yield Doors(options, started.grpc_port, started.http_port), process.pid
    finally:
        ours.close()
        process.terminate()
        process.join(STOP_TIMEOUT_S)
        process.kill()
        process.join()


def status_in(answer: Answer) -> Status:
    """The google.rpc.Status that a protobuf answer carries."""
    return Status.FromString(answer.body)


def talk(
    port: int,
    pieces: Sequence[bytes],
    *,
    half_close: bool = False,
    timeout_s: float = 20.0,
) -> bytes:
    """Send bytes to a port as they are; what came back until the other side closed."""
    received = b""
    with socket.create_connection((LOOPBACK, port), timeout=timeout_s) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while data := connection.recv(65536):
                received += data
    return received


async def talk_http(doors: Doors, *pieces: bytes, half_close: bool = False) -> bytes:
    """`talk` to the HTTP door, beside the event loop of the receiver."""
    return await asyncio.to_thread(talk, doors.http_port, pieces, half_close=half_close)


def peak_rss_bytes(pid: int) -> int:
    """The most memory that a process ever held (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024

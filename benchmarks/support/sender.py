"""The client, in a process of its own: sends ready-made bodies and times each acknowledgement."""

from __future__ import annotations

import asyncio
import gzip
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import grpc

CONNECTIONS = 8
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Send = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: over `grpc` or `http` or as `json`, at `batches_per_s` (None: all at once)."""

    door: str
    url: str
    bodies: list[bytes]
    gzipped: bool = False
    batches_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """When each batch was acknowledged (`time.monotonic()`), how long that took, and our CPU."""

    began_s: float
    acknowledged_s: list[float]
    latencies_ms: list[float]
    cpu_s: float

    @property
    def wall_s(self) -> float:
        return max(self.acknowledged_s) - self.began_s


def send(load: Load) -> Sent:
    """Send it from a fresh process and wait for the last acknowledgement."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(load, theirs))
    process.start()
    theirs.close()
    sent: Sent = ours.recv()
    process.join()
    return sent


def _child(load: Load, report: multiprocessing.connection.Connection) -> None:
    report.send(asyncio.run(_run(load)))


async def _run(load: Load) -> Sent:
    bodies = [gzip.compress(b, 1) for b in load.bodies] if load.gzipped else load.bodies
    opened = _grpc(load) if load.door == "grpc" else _http(load)
    async with opened as export:
        await export(b"" if load.door != "json" else b"{}")  # connections are up before the clock
        return await _timed(export, bodies, load.batches_per_s)


async def _timed(export: Send, bodies: list[bytes], batches_per_s: float | None) -> Sent:
    acknowledged: list[float] = []
    latencies: list[float] = []
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    waiting = iter(enumerate(bodies))

    async def worker() -> None:
        for number, body in waiting:
            if batches_per_s:
                due_s = began_s + number / batches_per_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            sent_s = time.monotonic()
            await export(body)
            done_s = time.monotonic()
            acknowledged.append(done_s)
            latencies.append((done_s - sent_s) * 1e3)

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return Sent(began_s, acknowledged, latencies, time.process_time() - began_cpu_s)


class _grpc:
    """Raw bytes over gRPC; a busy answer is an error, nothing is tried again."""

    def __init__(self, load: Load) -> None:
        self._address = urlsplit(load.url).netloc
        self._options = [("grpc.max_send_message_length", -1)]
        self._compression = None  # ready-made bodies: the collector recognises gzip by itself

    async def __aenter__(self) -> Send:
        self._channel = grpc.aio.insecure_channel(self._address, options=self._options)
        call = self._channel.unary_unary(_EXPORT)

        async def export(body: bytes) -> None:
            await call(body)

        return export

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


class _http:
    """Raw bytes over HTTP/1.1 with keep-alive."""

    def __init__(self, load: Load) -> None:
        self._url = f"{load.url}/v1/traces"
        kind = "application/json" if load.door == "json" else "application/x-protobuf"
        self._headers = {"Content-Type": kind}
        if load.gzipped:
            self._headers["Content-Encoding"] = "gzip"

    async def __aenter__(self) -> Send:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS), headers=self._headers
        )

        async def export(body: bytes) -> None:
            async with self._session.post(self._url, data=body) as response:
                if response.status != 200:
                    raise RuntimeError(f"{response.status}: {await response.text()}")
                await response.read()

        return export

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

"""An OTLP backend on real ports that takes, delays, refuses or breaks off, as it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
from aiohttp import web
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.signals import Signal

_PATHS = {signal.path: signal for signal in Signal}


@dataclass(slots=True)
class Behaviour:
    """What one request gets: an HTTP status (or a gRPC code) and what goes with it."""

    status: int = 200
    code: grpc.StatusCode | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/x-protobuf"
    rejected: int = 0
    message: str = ""
    delay_s: float = 0.0
    reset: bool = False
    retry_after_s: float | None = None
    max_bytes: int | None = None
    """Requests above are refused as too large, whatever else is said here."""
    refuses: str | None = None
    """A request with a span of this name is refused as invalid."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that was taken, and how it came."""

    signal: Signal
    message: Any
    headers: dict[str, str]
    size_bytes: int


class Backend:
    """Listens while its `with` block runs; `url` is its address.

    `then(...)` sets what the next requests get, one after the other; the last one stays, by default
    to take everything. What was taken is in `taken`, what came at all is counted by `asked`.
    """

    def __init__(
        self,
        *,
        protocol: str = "http",
        tls: Any = None,
        port: int = 0,
        script: Iterable[Behaviour] = (),
    ) -> None:
        self.protocol = protocol
        self.port = port
        self.taken: list[Taken] = []
        self.asked = 0
        self.asked_at_s: list[float] = []
        self._tls = tls
        self._script = list(script) or [Behaviour()]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backend", daemon=True)
        self._close: Callable[[], Any] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        open_door = self._open_grpc if self.protocol == "grpc" else self._open_http
        asyncio.run_coroutine_threadsafe(open_door(), self._loop).result(30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @property
    def url(self) -> str:
        scheme = {"http": "http", "grpc": "grpc"}[self.protocol] + ("s" if self._tls else "")
        return f"{scheme}://127.0.0.1:{self.port}"

    def then(self, *behaviours: Behaviour) -> None:
        """What the next requests get; the last stays."""
        self._script[:] = behaviours

    def stop(self) -> None:
        """Close the port: connections are refused from now on."""
        if self._close is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
            self._close = None

    def start(self) -> None:
        """Open the same port again."""
        open_door = self._open_grpc if self.protocol == "grpc" else self._open_http
        asyncio.run_coroutine_threadsafe(open_door(), self._loop).result(30)

    def spans(self) -> list[Any]:
        """Every span that was taken, in order, again for each time that it came."""
        return [
            span
            for taken in self.taken
            if taken.signal is Signal.TRACES
            for part in taken.message.resource_spans
            for scope_part in part.scope_spans
            for span in scope_part.spans
        ]

    def names(self) -> set[str]:
        return {span.name for span in self.spans()}

    def wait_for(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Until something is true; AssertionError when it takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline_s, (
                f"{len(self.taken)} requests taken, {self.asked} came"
            )
            time.sleep(0.02)

    def _next(self) -> Behaviour:
        self.asked += 1
        self.asked_at_s.append(time.monotonic())
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _judge(self, signal: Signal, message: Any, size_bytes: int) -> Behaviour:
        told = self._next()
        if told.max_bytes is not None and size_bytes > told.max_bytes:
            return Behaviour(413, grpc.StatusCode.RESOURCE_EXHAUSTED, message="message too large")
        if told.refuses and told.refuses in _names(signal, message):
            return Behaviour(400, grpc.StatusCode.INVALID_ARGUMENT, message="a bad span")
        return told

    async def _open_http(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(
            runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True
        )
        await site.start()
        self.port = runner.addresses[0][1]
        self._close = runner.cleanup

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        signal = _PATHS.get(request.path.removeprefix("/base"))
        if signal is None:
            self.asked += 1
            return web.Response(status=404, text="nothing here")
        if request.content_type == "application/json":
            message = json_to_protobuf(signal, body)
        else:
            message = signal.request_type.FromString(body)
        told = self._judge(signal, message, len(body))
        await asyncio.sleep(told.delay_s)
        if told.reset:
            _reset(request.transport)
            return web.Response()
        if 200 <= told.status < 300 and told.body is None:
            self.taken.append(Taken(signal, message, dict(request.headers), len(body)))
        return _http_answer(signal, told, request.content_type == "application/json")

    async def _open_grpc(self) -> None:
        server = aio.server(
            options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1))
        )
        for signal in Signal:
            method = grpc.unary_unary_rpc_method_handler(self._export_of(signal))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(signal.service, {"Export": method}),)
            )
        address = f"127.0.0.1:{self.port}"
        if self._tls:
            self.port = server.add_secure_port(address, self._tls)
        else:
            self.port = server.add_insecure_port(address)
        await server.start()

        async def close() -> None:
            await server.stop(0)

        self._close = close

    def _export_of(self, signal: Signal) -> Any:
        async def export(body: bytes, context: Any) -> bytes:
            message = signal.request_type.FromString(body)
            told = self._judge(signal, message, len(body))
            await asyncio.sleep(told.delay_s)
            if told.code is not None:
                status = Status(code=told.code.value[0], message=told.message)
                if told.retry_after_s is not None:
                    delay = Duration(
                        nanos=int(told.retry_after_s % 1 * 1e9), seconds=int(told.retry_after_s)
                    )
                    status.details.add().Pack(RetryInfo(retry_delay=delay))
                await context.abort(
                    told.code,
                    told.message,
                    (("grpc-status-details-bin", status.SerializeToString()),),
                )
            metadata = {key: str(value) for key, value in context.invocation_metadata()}
            self.taken.append(Taken(signal, message, metadata, len(body)))
            return bytes(_response(signal, told).SerializeToString())

        return export


def _names(signal: Signal, message: Any) -> set[str]:
    if signal is not Signal.TRACES:
        return set()
    return {s.name for p in message.resource_spans for c in p.scope_spans for s in c.spans}


def _response(signal: Signal, told: Behaviour) -> Any:
    partial = {signal.rejected_field: told.rejected, "error_message": told.message}
    return (
        signal.response_type(partial_success=partial) if told.rejected else signal.response_type()
    )


def _http_answer(signal: Signal, told: Behaviour, as_json: bool) -> web.Response:
    headers = dict(told.headers)
    if told.retry_after_s is not None:
        headers["Retry-After"] = f"{told.retry_after_s:g}"
    if told.body is not None:
        return web.Response(
            status=told.status, body=told.body, content_type=told.content_type, headers=headers
        )
    if told.status >= 300:
        body = Status(message=told.message).SerializeToString()
        return web.Response(
            status=told.status, body=body, content_type=told.content_type, headers=headers
        )
    if as_json:
        partial = {"rejectedSpans": str(told.rejected), "errorMessage": told.message}
        document = {"partialSuccess": partial} if told.rejected else {}
        return web.Response(body=json.dumps(document).encode(), content_type="application/json")
    return web.Response(
        body=_response(signal, told).SerializeToString(), content_type="application/x-protobuf"
    )


def _reset(transport: asyncio.Transport | None) -> None:
    """Close the connection so that the other side sees a reset."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
    transport.abort()

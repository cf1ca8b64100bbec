"""A backend that only counts, in a process of its own, over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any, Self

_spawn = multiprocessing.get_context("spawn")


class Sink:
    """Counts the spans that it takes while the `with` block runs."""

    def __enter__(self) -> Self:
        self.seen: list[tuple[float, int]] = []
        self._ours, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_serve, args=(theirs,))
        self._process.start()
        self._ports: dict[str, int] = self._ours.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def url(self, protocol: str) -> str:
        """Where it listens."""
        kind = "grpc" if protocol == "grpc" else "http"
        return f"{kind}://127.0.0.1:{self._ports[kind]}"

    def refuse(self, refuses: bool) -> None:
        """Answer 503 from now on, or take again."""
        self._ours.send(refuses)
        self._ours.recv()

    def wait_for(self, spans: int, timeout_s: float = 600.0) -> None:
        """Until so many spans were taken; `seen` has (monotonic seconds, spans so far)."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._ours.send(None)
            self.seen = self._ours.recv()
            if self.seen and self.seen[-1][1] >= spans:
                return
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{self.seen[-1:]} of {spans} spans arrived")
            time.sleep(0.2)

    @property
    def first_s(self) -> float:
        """When the first was taken."""
        return self.seen[0][0]

    @property
    def last_s(self) -> float:
        """When the last was taken."""
        return self.seen[-1][0]


def _serve(pipe: Connection) -> None:
    asyncio.run(_Counter(pipe).serve())


class _Counter:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._refuses = False
        self._seen: list[tuple[float, int]] = []

    async def serve(self) -> None:
        import grpc  # noqa: PLC0415 - only in the process that serves
        from aiohttp import web  # noqa: PLC0415

        async def handle(request: Any) -> Any:
            body = await request.read()
            if self._refuses:
                return web.Response(status=503)
            self._count(body)
            return web.Response(body=b"", content_type="application/x-protobuf")

        async def export(body: bytes, _: Any) -> bytes:
            self._count(body)
            return b""

        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/traces", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = grpc.aio.server()
        method = grpc.unary_unary_rpc_method_handler(export)
        name = "opentelemetry.proto.collector.trace.v1.TraceService"
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"Export": method}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._pipe.send({"http": runner.addresses[0][1], "grpc": port})
        while True:
            if self._pipe.poll():
                told = self._pipe.recv()
                if told is not None:
                    self._refuses = told
                self._pipe.send(self._seen)
            await asyncio.sleep(0.02)

    def _count(self, body: bytes) -> None:
        from spanscore.collector.forward.parts import count_records  # noqa: PLC0415
        from spanscore.collector.signals import Signal  # noqa: PLC0415

        message = Signal.TRACES.request_type.FromString(body)
        before = self._seen[-1][1] if self._seen else 0
        self._seen.append((time.monotonic(), before + count_records(Signal.TRACES, message)))

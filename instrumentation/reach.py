"""How an agent reaches the model endpoint and the collector from where it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from .delivery import Collector
from .proxy import Route

MODEL_PORT = 48080
OTLP_HTTP_PORT = 4318
OTLP_GRPC_PORT = 4317
"""Ports inside of a container without a network."""

_CHUNK_BYTES = 1 << 16
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Reach:
    """The addresses that an agent is given; `sockets` are what a container's ports lead to."""

    model_url: str
    otlp_http: str
    otlp_grpc: str
    sockets: Mapping[int, Path] = field(default_factory=dict)


def directly(route: Route, collector: Collector) -> Reach:
    """From a process of this machine, or a container with this machine's network."""
    return Reach(route.url, collector.agent_http, collector.grpc or "")


class Relays:
    """Unix sockets in `folder` that lead to the proxy and the collector, and nowhere else."""

    def __init__(self, folder: Path, collector: Collector) -> None:
        self.model_socket = folder / "model.sock"
        self._collector = collector
        self._relays = [
            Relay(folder / f"{port}.sock", url, port)
            for port, url in (
                (OTLP_HTTP_PORT, collector.http),
                (OTLP_GRPC_PORT, collector.grpc or ""),
            )
            if urlsplit(url).scheme == "http"  # a certificate would not fit loopback's name
        ]

    def __enter__(self) -> Self:
        for relay in self._relays:
            relay.start()
        return self

    def __exit__(self, *error: object) -> None:
        for relay in self._relays:
            relay.stop()

    def reach(self, route: Route) -> Reach:
        """From a container without a network."""
        ports = {relay.port: relay.path for relay in self._relays}
        path = urlsplit(self._collector.agent_http).path
        return Reach(
            model_url=f"http://127.0.0.1:{MODEL_PORT}{route.path}",
            otlp_http=f"http://127.0.0.1:{OTLP_HTTP_PORT}{path}" if OTLP_HTTP_PORT in ports else "",
            otlp_grpc=f"http://127.0.0.1:{OTLP_GRPC_PORT}" if OTLP_GRPC_PORT in ports else "",
            sockets={MODEL_PORT: self.model_socket, **ports},
        )


class Relay:
    """A unix socket whose connections are passed on, byte by byte, to a host and port.

    Every user that can reach the socket may use it: it belongs into a folder of its own.
    """

    def __init__(self, path: Path, url: str, port: int) -> None:
        self.path = path
        self.port = port
        target = urlsplit(url)
        self._host, self._target_port = target.hostname or "", target.port or 80
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="spanscore-relay", daemon=True
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Serve from now on. Raises OSError."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_WAIT_S)
        self.path.chmod(0o666)

    def stop(self) -> None:
        """Break off what goes on and serve no more."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # this is one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.CancelledError):
            try:
                far = await asyncio.open_connection(self._host, self._target_port)
                try:
                    await asyncio.gather(_move(reader, far[1]), _move(far[0], writer))
                finally:
                    far[1].close()
            finally:
                writer.close()


async def _move(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK_BYTES):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()

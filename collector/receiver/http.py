"""The HTTP door: POST of protobuf or JSON to /v1/<signal> (OTLP 1.11, "OTLP/HTTP")."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from google.protobuf import json_format
from isal import igzip

from spanscore.collector.config import split_address
from spanscore.collector.signals import Signal

from .accept import Acceptor, Received
from .limits import Lease, too_large
from .origin import TOKEN_HEADER
from .status import Kind, Refusal, refusal_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from .options import KeyPair

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
BODY_TIMEOUT_S = 30
KEEPALIVE_S = 75
_SIGNALS = {signal.path: signal for signal in Signal}
_PATHS = ", ".join(_SIGNALS)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path asks for; without a signal the body must tell it."""

    signal: Signal
    token: str | None


class HttpDoor:
    """Translates between HTTP and the acceptor."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._server = web.Server(
            self.handle,
            auto_decompress=False,
            keepalive_timeout=KEEPALIVE_S,
            access_log=None,
        )
        self._listener: asyncio.Server | None = None

    async def open(self, address: str, tls: KeyPair | None) -> int:
        """Bind HOST:PORT and serve; the port that was bound. Raises OSError."""
        host, port = split_address(address)
        loop = asyncio.get_running_loop()
        context = None if tls is None else tls.context
        self._listener = await loop.create_server(self._server, host, port, ssl=context)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def close(self, grace_s: float) -> None:
        """Take no more requests; those in flight have `grace_s` to end."""
        if self._listener is not None:
            self._listener.close()
        # What has just come in starts to be handled before idle connections are closed.
        await asyncio.sleep(0)
        self._server.pre_shutdown()
        await self._server.shutdown(grace_s)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request; every answer that is no 200 carries a `google.rpc.Status`."""
        as_json = request.content_type != PROTOBUF
        headers = {"Content-Type": JSON if as_json else PROTOBUF}
        try:
            message, status = await self._export(request), 200
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            refusal = refusal_of(error)
            self._acceptor.refused(refusal)
            message, status = refusal.status(), refusal.kind.http_status
            if refusal.retry_after_s is not None:
                headers["Retry-After"] = str(refusal.retry_after_s)
        body = _encode(message, as_json)
        if body and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = igzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, status=status, headers=headers)

    async def _export(self, request: web.BaseRequest) -> Message:
        target = _target(request.path)
        if request.method != "POST":
            raise Refusal(Kind.WRONG_METHOD, f"{request.path} takes POST only")
        origin = self._acceptor.origins.resolve(
            path_token=target.token,
            header_token=request.headers.get(TOKEN_HEADER),
            authorization=request.headers.get("Authorization"),
        )
        if request.content_type not in (PROTOBUF, JSON):
            raise Refusal(Kind.UNSUPPORTED_TYPE, f"Content-Type must be {PROTOBUF} or {JSON}")
        gzipped = _is_gzipped(request)
        with self._acceptor.budget.lease() as lease:
            received = Received(
                target.signal,
                origin,
                await self._read(request, lease),
                gzipped=gzipped,
                json=request.content_type == JSON,
            )
            return await self._acceptor.accept(received, lease)

    async def _read(self, request: web.BaseRequest, lease: Lease) -> bytes:
        limit_bytes = self._acceptor.max_request_bytes
        if (request.content_length or 0) > limit_bytes:
            raise too_large(limit_bytes, "as sent")
        pieces = []
        size_bytes = 0
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while piece := await request.content.readany():
                size_bytes += len(piece)
                if size_bytes > limit_bytes:
                    raise too_large(limit_bytes, "as sent")
                lease.take(len(piece))
                pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _target(path: str) -> _Target:
    token = None
    rest = path
    if path.startswith("/o/"):
        token, _, rest = path[3:].partition("/")
        rest = f"/{rest}"
    signal = _SIGNALS.get(rest.rstrip("/"))
    if signal is None:
        raise Refusal(Kind.UNKNOWN_PATH, f"nothing is served at {rest}; OTLP goes to {_PATHS}")
    return _Target(signal, token)


def _is_gzipped(request: web.BaseRequest) -> bool:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise Refusal(Kind.UNSUPPORTED_TYPE, f"Content-Encoding {encoding!r} is not gzip")
    return encoding == "gzip"


def _encode(message: Message, as_json: bool) -> bytes:
    if not as_json:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()

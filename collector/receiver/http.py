"""The HTTP door: POST of protobuf or JSON to /v1/<signal> (OTLP 1.11, "OTLP/HTTP")."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web
from google.protobuf import json_format
from isal import igzip

from spanscore.collector.config import is_loopback, split_address
from spanscore.collector.signals import Signal

from .accept import Acceptor, Received
from .http_protocol import Protocol
from .limits import Lease, too_large, too_slow
from .loop import FORWARDED_BY
from .origin import TOKEN_HEADER
from .status import Kind, Refusal, refusal_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from .options import KeyPair

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
# For a connection that is idle, or has not sent all the headers of a request.
KEEPALIVE_S = 75
_POLL_S = 0.02
_SIGNALS = {signal.path.strip("/"): signal for signal in Signal}
_PATHS = ", ".join(signal.path for signal in Signal)


class HttpDoor:
    """Translates between HTTP and the acceptor."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._server = web.Server(self._handle)
        self._listener: asyncio.Server | None = None

    async def open(self, address: str, tls: KeyPair | None) -> int:
        """Bind HOST:PORT and serve; the port that was bound. Raises OSError."""
        host, port = split_address(address)
        loop = asyncio.get_running_loop()
        connection = partial(
            Protocol,
            self._server,
            loop=loop,
            refuse=self._refuse,
            keepalive_timeout_s=KEEPALIVE_S,
        )
        context = None if tls is None else tls.context
        self._listener = await loop.create_server(connection, host, port, ssl=context)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def close(self, grace_s: float) -> None:
        """Take no more requests; those in flight have `grace_s` to end."""
        if self._listener is not None:
            self._listener.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._server.connections:
                    for connection in self._server.connections:
                        cast("Protocol", connection).finish()
                    await asyncio.sleep(_POLL_S)
        await self._server.shutdown(0)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        as_json = request.content_type != PROTOBUF
        try:
            response = _answer(await self._export(request), as_json)
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            response = self._refuse(refusal_of(error), as_json)
        if response.body and _accepts_gzip(request):
            response.body = igzip.compress(cast("bytes", response.body))
            response.headers["Content-Encoding"] = "gzip"
        if cast("Protocol", request.protocol).is_ending:
            response.force_close()
        return response

    async def _export(self, request: web.BaseRequest) -> Message:
        _check_site(request)
        signal, path_token = _target(request.path)
        if request.method != "POST":
            raise Refusal(Kind.WRONG_METHOD, f"{request.method}: only POST is served here")
        forwarded_by = request.headers.get(FORWARDED_BY)
        self._acceptor.loops.check(forwarded_by)
        origin = self._acceptor.origins.resolve(
            path_token=path_token,
            header_token=request.headers.get(TOKEN_HEADER),
            authorization=request.headers.get("Authorization"),
        )
        self._acceptor.loops.remember(forwarded_by)
        is_json = _is_json(request)
        is_gzipped = _is_gzipped(request)
        with Lease(self._acceptor.allowances[origin]) as lease:
            body = await self._read(request, lease)
            received = Received(signal, origin, body, gzipped=is_gzipped, json=is_json)
            return await self._acceptor.accept(received, lease)

    async def _read(self, request: web.BaseRequest, lease: Lease) -> bytes:
        limits = self._acceptor.limits
        if (request.content_length or 0) > limits.max_request_bytes:
            raise too_large(limits.max_request_bytes, "as sent")
        connection = cast("Protocol", request.protocol)
        connection.expect(request.content)
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                await _continue(request)
                while piece := await request.content.readany():
                    lease.take(len(piece))
                    body += piece
                    if len(body) > limits.max_request_bytes:
                        raise too_large(limits.max_request_bytes, "as sent")
        except TimeoutError:
            raise too_slow(limits) from None
        except (ConnectionError, web.RequestPayloadError) as error:
            raise Refusal(Kind.UNDECODABLE, f"the body did not arrive whole: {error}") from error
        if connection.was_cut:
            raise Refusal(Kind.UNDECODABLE, "the body did not arrive whole")
        return bytes(body)

    def _refuse(self, refusal: Refusal, as_json: bool = True) -> web.Response:
        """The answer to a refused request; in JSON if its encoding cannot be known."""
        self._acceptor.refused(refusal)
        response = _answer(refusal.status(), as_json, refusal.kind.http_status)
        response.headers.update(refusal.headers())
        return response


def _answer(message: Message, as_json: bool, status: int = 200) -> web.Response:
    if as_json:
        body = json_format.MessageToJson(message, indent=None).encode()
    else:
        body = message.SerializeToString()
    headers = {"Content-Type": JSON if as_json else PROTOBUF}
    return web.Response(body=body, status=status, headers=headers)


def _check_site(request: web.BaseRequest) -> None:
    """Let no web page write here, except one that was served from this very address.

    A name that an attacker's DNS points at this machine is not loopback's own name.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        site = urlsplit(origin)
        same = site.netloc == request.host and is_loopback(site.hostname or "")
    except ValueError:
        same = False
    if not same:
        raise Refusal(Kind.CROSS_SITE, f"a page of {origin!r} may not send telemetry here")


def _target(path: str) -> tuple[Signal | None, str | None]:
    """The signal (None: the body must tell it) and the ingest token that a path names."""
    token = None
    rest = path.strip("/")
    if rest.startswith("o/"):
        token, _, rest = rest[2:].partition("/")
    signal = _SIGNALS.get(rest.strip("/"))
    if rest and signal is None:
        raise Refusal(Kind.UNKNOWN_PATH, f"nothing is served at /{rest}; OTLP goes to {_PATHS}")
    return signal, token


def _is_json(request: web.BaseRequest) -> bool:
    if request.content_type not in (PROTOBUF, JSON):
        given = request.headers.get("Content-Type", "missing")
        raise Refusal(
            Kind.UNSUPPORTED_TYPE, f"Content-Type is {given}; it must be {PROTOBUF} or {JSON}"
        )
    return request.content_type == JSON


def _is_gzipped(request: web.BaseRequest) -> bool:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(Kind.UNSUPPORTED_TYPE, f"Content-Encoding is {encoding}; it must be gzip")
    return encoding == "gzip"


def _accepts_gzip(request: web.BaseRequest) -> bool:
    codings = request.headers.get("Accept-Encoding", "").replace(" ", "").lower().split(",")
    return any(re.fullmatch(r"gzip(;q=(1.*|0\.0*[1-9].*))?", coding) for coding in codings)


async def _continue(request: web.BaseRequest) -> None:
    """Tell a client that asked before sending a large body (RFC 9110, 10.1.1) to go on."""
    expectation = request.headers.get("Expect", "").lower()
    if expectation == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun

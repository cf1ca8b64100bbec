"""Sends Export requests over HTTP, as protobuf or JSON."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import aiohttp
from isal import igzip

from spanscore.collector.decode.to_json import to_json

from .answer import Answer
from .http_answer import answer_of, failure_of

if TYPE_CHECKING:
    from spanscore.collector.signals import Signal

    from .destination import Destination

TIMEOUT_S = 30.0
CONNECTIONS = 8
_MAX_ANSWER_BYTES = 64 * 1024
_GZIP_LEVEL = 1


class HttpSender:
    """One destination's connections; `send` never raises for what the other side does.

    `marker` are further headers, as they are when a request is sent.
    """

    def __init__(
        self, destination: Destination, marker: Mapping[str, str], timeout_s: float
    ) -> None:
        self._as_json = destination.spoken == "http/json"
        self._gzip = destination.compression == "gzip"
        self._base = destination.url.rstrip("/")
        self._timeout_s = timeout_s
        kind = "application/json" if self._as_json else "application/x-protobuf"
        self._headers = {"User-Agent": "spanscore", **destination.sent_headers}
        self._headers["Content-Type"] = kind
        self._marker = marker
        if self._gzip:
            self._headers["Content-Encoding"] = "gzip"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=_tls(destination)),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, signal: Signal, body: bytes) -> Answer:
        """Send one request and say what came of it."""
        url = self._base + signal.path
        if self._as_json:
            body = to_json(signal.request_type.FromString(body))
        if self._gzip:
            body = igzip.compress(body, compresslevel=_GZIP_LEVEL)
        try:
            async with self._session.post(
                url, data=body, headers={**self._headers, **self._marker}, allow_redirects=False
            ) as response:
                answered = await _read(response)
                return answer_of(signal, url, response.status, response.headers, answered)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            return failure_of(error, url, self._timeout_s)

    async def close(self) -> None:
        await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer, as far as it can matter: a backend may answer anything."""
    answered = bytearray()
    async for piece in response.content.iter_chunked(_MAX_ANSWER_BYTES):
        answered += piece
        if len(answered) > _MAX_ANSWER_BYTES:
            break
    return bytes(answered)


def _tls(destination: Destination) -> ssl.SSLContext | bool:
    if not destination.is_tls:
        return True
    context = ssl.create_default_context(cafile=destination.tls_ca)
    if destination.tls_cert and destination.tls_key:
        context.load_cert_chain(destination.tls_cert, destination.tls_key)
    return context

"""The model endpoint: where it is, which key it takes, and how its answers come."""

from __future__ import annotations

import errno
import io
import os
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from spanscore.instrumentation.conventions import CallError

from .errors import ProxyError, SourceError
from .headers import put_key

_KEEPALIVE_S = 15
_SMALL_BYTES = 1 << 20
_VERSIONS = ("/v1", "/v1beta")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A model endpoint. `url` is its base, with or without `/v1` at the end.

    `key_variable` names the environment variable with the real key; with None, what the agent sends
    is passed on. `read_timeout_s` bounds the silence between two chunks, not the answer.
    """

    url: str
    key_variable: str | None = None
    connect_timeout_s: float = 30.0
    read_timeout_s: float = 900.0

    def check(self) -> None:
        """Raises ProxyError if it cannot be an endpoint, or its key is not set."""
        try:
            url = URL(self.url)
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise ProxyError(
                f"{self.url!r} is no model endpoint: give its base URL, such as https://HOST/v1"
            )
        if self.key_variable is not None and not os.environ.get(self.key_variable):
            raise ProxyError(
                f"the environment variable {self.key_variable} is not set: set it to the key of "
                f"{url.host}, or name another variable"
            )

    @property
    def shown_url(self) -> str:
        """The URL without what may be secret: user, password, query."""
        return str(URL(self.url).with_user(None).with_query(None).with_fragment(None))

    @property
    def key(self) -> str | None:
        """The real key, read each time; None if there is none."""
        return os.environ.get(self.key_variable) if self.key_variable is not None else None

    def join(self, path: str) -> str:
        """The URL of a path; a version that both have stands there once."""
        base = self.url.rstrip("/")
        for version in _VERSIONS:
            if base.endswith(version) and path.startswith(f"{version}/"):
                return base + path.removeprefix(version)
        return base + path


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes on: `path` with its query, as the agent wrote it, without the token."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes
    key_header: str | None = None
    """The header that the key goes into when the agent sent none; None: none is added."""


class Incoming(Protocol):
    """An answer on its way."""

    status: int
    reason: str | None
    headers: CIMultiDict[str]

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises SourceError when it breaks off."""

    def close(self) -> None:
        """No more is wanted; a connection that is in use is broken off."""


class Source(Protocol):
    """Where answers come from: the endpoint, or a recording."""

    async def answer(self, outgoing: Outgoing) -> Incoming:
        """The answer once its headers are there. Raises SourceError if none comes."""


def open_session() -> aiohttp.ClientSession:
    """Connections to all endpoints, on the running loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
    )


class Endpoint:
    """The answers of a live endpoint."""

    def __init__(self, session: aiohttp.ClientSession, upstream: Upstream) -> None:
        self._session = session
        self._upstream = upstream
        self._web_proxy = _web_proxy(URL(upstream.url))
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=upstream.connect_timeout_s,
            sock_read=upstream.read_timeout_s,
        )

    async def answer(self, outgoing: Outgoing) -> Incoming:
        """Sends the request with the real key; redirects are the agent's to follow."""
        path, mark, query = outgoing.path.partition("?")
        headers, key = outgoing.headers.copy(), self._upstream.key
        if key is not None:
            query = put_key(headers, query, key, outgoing.key_header)
        try:
            response = await self._session.request(
                outgoing.method,
                URL(self._upstream.join(path) + mark + query, encoded=True),
                headers=headers,
                data=_payload(outgoing.body),
                allow_redirects=False,
                proxy=self._web_proxy,
                timeout=self._timeout,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(_error_type(error, CallError.RESET), _words(error)) from None
        return _Live(response)


def _web_proxy(url: URL) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for the endpoint."""
    if urllib.request.proxy_bypass(url.host or ""):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    """The body for the client, which sends a small one at once, a large one in pieces."""
    if len(body) < _SMALL_BYTES:
        return body or None
    return io.BytesIO(body)


class _Live:
    """An answer of a live endpoint."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.reason = response.reason
        self.headers = CIMultiDict(response.headers)
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError(_error_type(error, CallError.CUT), _words(error)) from None

    def close(self) -> None:
        self._response.close()


def _error_type(error: Exception, default: CallError) -> str:
    """The call error for an exception of the client; `default` is for a broken connection."""
    if isinstance(error, TimeoutError):
        return CallError.TIMEOUT.value
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return CallError.NAME_RESOLUTION.value
    if isinstance(error, aiohttp.ClientConnectorError):
        is_refused = error.os_error.errno == errno.ECONNREFUSED
        return (CallError.REFUSED if is_refused else CallError.FAILED).value
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.InvalidURL | ValueError):
        return CallError.FAILED.value
    return default.value


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__

"""One HTTP connection: aiohttp's protocol, with our answer to what is no HTTP, and half-closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import StreamReader, web

from .status import Kind, Refusal, refusal_of

# A refused sender may be sending still: so long it is listened to, that it sees the answer.
_LINGER_S = 2.0
_Refuse = Callable[[Refusal], web.Response]


class Protocol(web.RequestHandler):
    """Reads requests from one connection and hands them to the server's handler."""

    __slots__ = ("_body", "_finishing", "_half_closed", "_refuse", "was_cut")

    def __init__(
        self,
        server: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        refuse: _Refuse,
        keepalive_timeout_s: float,
    ) -> None:
        """`refuse` makes the answer to what the handler never sees."""
        super().__init__(
            server,
            loop=loop,
            auto_decompress=False,  # done elsewhere, in bounded steps
            keepalive_timeout=keepalive_timeout_s,
            lingering_time=_LINGER_S,
        )
        self._refuse = refuse
        self._body: StreamReader | None = None
        self._half_closed = False
        self._finishing = False
        self.was_cut = False  # the body ended with the connection, not where it should

    @property
    def is_ending(self) -> bool:
        """Whether the answer to the present request is the last of the connection."""
        return self._half_closed or self._finishing

    def finish(self) -> None:
        """End the connection now if it is idle, else after the present request."""
        self._finishing = True
        if self._is_idle():
            self.force_close()

    def expect(self, body: StreamReader) -> None:
        """Say which body is being read, so that it ends when the client stops sending."""
        self._body = body
        if self._half_closed:
            self._end_body()

    def eof_received(self) -> bool:  # type: ignore[override] # the base class lacks the result
        """A client that has sent a whole request and closed its half still gets the answer."""
        if self._is_idle() or self.ssl_context is not None:  # TLS has no half-close
            return False
        self._half_closed = True
        self._end_body()
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what failed outside of the handler; the connection ends."""
        if status == HTTPStatus.BAD_REQUEST:
            reason = (message or "").partition("\n")[0]
            refusal = Refusal(Kind.UNDECODABLE, f"this is no HTTP/1.1 request: {reason}")
        else:
            refusal = refusal_of(exc if isinstance(exc, Exception) else RuntimeError(message))
        response = self._refuse(refusal)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What fails outside of the handler is the peer's doing, and no news for a log."""
        self.logger.debug(*args, **kw)

    def _is_idle(self) -> bool:
        # As in the base class, an open waiter means that no request has come.
        return self._waiter is not None and not self._waiter.done()

    def _end_body(self) -> None:
        if self._body is not None and not self._body.is_eof():
            self.was_cut = True
            self._body.feed_eof()

"""Passes one request on and its answer back: unbuffered, byte for byte, and never a faked end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from aiohttp import HttpVersion11, web

from .headers import to_agent
from .upstream import Incoming, Outgoing, Source

_STEPS_TO_SEND = 2


class BodyTooLargeError(Exception):
    """A request's body is beyond the bound."""


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The request's body as it was sent. Raises BodyTooLargeError."""
    if (request.content_length or 0) > max_bytes:
        raise BodyTooLargeError
    pieces, size = [], 0
    async for piece in request.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise BodyTooLargeError
    return b"".join(pieces)


async def answer_of(source: Source, outgoing: Outgoing, meanwhile: Callable[[], None]) -> Incoming:
    """The answer's beginning; `meanwhile` is done while the request is on its way.

    Raises SourceError if none comes.
    """
    sent = asyncio.ensure_future(source.answer(outgoing))
    try:
        for _ in range(_STEPS_TO_SEND):
            await asyncio.sleep(0)
        meanwhile()
        return await sent
    except asyncio.CancelledError:
        sent.cancel()
        await asyncio.wait([sent])
        if not sent.cancelled() and sent.exception() is None:
            sent.result().close()
        raise


async def pass_back(
    request: web.Request, incoming: Incoming, passed: Callable[[bytes], None]
) -> web.StreamResponse:
    """Hands the answer to the agent; `passed` is told of each chunk after that.

    Raises SourceError when the answer breaks off, ConnectionError when the agent has gone.
    """
    headers = to_agent(incoming.headers)
    response = web.StreamResponse(status=incoming.status, reason=incoming.reason, headers=headers)
    await response.prepare(request)
    async for chunk in incoming.chunks():
        await response.write(chunk)
        passed(chunk)
    return response


def break_off(request: web.Request) -> web.StreamResponse:
    """Closes the agent's connection in the middle of an answer, so that it does not seem whole."""
    if request.transport is not None:
        if request.version < HttpVersion11:
            # Without chunks the end of the connection would be the end of the answer: reset it.
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.close()
    return web.Response()

"""`POST /api/stream`: the whole result of one reading query, for exports."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator

import duckdb
import orjson
import pyarrow as pa
from aiohttp import web

from ..output import CONTENT_TYPES
from ..store.query_error import QueryError
from ..store.query_stream import ResultStream
from .sql import STATUS

AT_ONCE = 2
"""Each holds a transaction, and with it what was removed meanwhile."""

MAX_SQL_BYTES = 256 * 1024
_SEND_S = 60.0
"""A reader that takes nothing for so long is gone."""

_PIECE_BYTES = 1 << 20


def add_stream_route(
    app: web.Application, database: Callable[[], duckdb.DuckDBPyConnection]
) -> None:
    """Serve `POST /api/stream` from `database()`: SQL as text in, an Arrow stream out.

    There are no caps on rows, bytes and time. A stream that breaks off has no end of the chunked
    body. Errors before the first byte are those of `/api/sql`.
    """
    app.router.add_post("/api/stream", _Endpoint(database).handle)


class _Endpoint:
    def __init__(self, database: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            sql = await _read(request)
            if self._slots.locked():
                raise QueryError(
                    "busy",
                    f"{AT_ONCE} exports are running already",
                    hint="Try again when one of them is done.",
                )
            async with self._slots:
                stream = await asyncio.to_thread(ResultStream, self._database(), sql)
                try:
                    return await _send(request, stream)
                finally:
                    stream.cancel()
                    await asyncio.shield(asyncio.to_thread(stream.close))
        except QueryError as error:
            body = orjson.dumps({"error": error.as_json()}) + b"\n"
            return web.Response(
                status=STATUS[error.kind], body=body, content_type="application/json"
            )


async def _read(request: web.Request) -> str:
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_SQL_BYTES:
            raise QueryError("sql", f"the query is longer than {MAX_SQL_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise QueryError("sql", f"the query is not UTF-8: {error}") from error


async def _send(request: web.Request, stream: ResultStream) -> web.StreamResponse:
    pieces = _encoded(stream)
    # The first piece before the status: most that can go wrong does so here.
    piece = await asyncio.to_thread(next, pieces, None)
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPES["arrow"]})
    await response.prepare(request)
    try:
        while piece is not None:
            async with asyncio.timeout(_SEND_S):
                await response.write(piece)
            piece = await asyncio.to_thread(next, pieces, None)
        await response.write_eof()
    except (QueryError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    return response


def _encoded(stream: ResultStream) -> Iterator[bytes]:
    """The result as an Arrow IPC stream, in pieces of about _PIECE_BYTES."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, stream.schema, options=options) as writer:
        for batch in stream:
            writer.write_batch(batch)
            if sink.tell() >= _PIECE_BYTES:
                yield _drain(sink)
    yield _drain(sink)


def _drain(sink: io.BytesIO) -> bytes:
    written = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written

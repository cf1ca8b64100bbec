"""`POST /api/sql`: one reading query in, its result out as JSON, CSV, Arrow or Parquet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
from aiohttp import web

from ..output import CONTENT_TYPES, OutputError, StreamFormat, encode
from ..store.query import QueryLimits, QueryResult, RunningQuery, too_slow
from ..store.query_error import Kind, QueryError

_GRACE_S = 5.0
_SEND_S = 300.0
_RETRY_AFTER_S = 5
_MAX_WAITING = 64

STATUS: dict[Kind, int] = {
    "sql": 400,
    "write": 403,
    "forbidden": 403,
    "memory": 413,
    "cancelled": 503,
    "busy": 503,
    "gone": 503,
    "timeout": 504,
}
"""The HTTP status of each kind of error."""


@dataclass(frozen=True, slots=True)
class _Ask:
    sql: str
    form: StreamFormat


class _Refused(Exception):
    """The request itself is wrong, whatever its SQL."""

    def __init__(self, status: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint


def add_sql_routes(
    app: web.Application, database: Callable[[], duckdb.DuckDBPyConnection], limits: QueryLimits
) -> None:
    """Serve `POST /api/sql` from `database()`, a hardened connection which stays the caller's.

    The server needs `handler_cancellation=True` for a client that hangs up to stop its query.
    """
    app.router.add_post("/api/sql", _Endpoint(database, limits).handle)


class _Endpoint:
    def __init__(
        self, database: Callable[[], duckdb.DuckDBPyConnection], limits: QueryLimits
    ) -> None:
        self._database = database
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._waiting = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            ask = await _read(request, self._limits)
            async with self._slot() as held:
                result = await self._run(ask.sql, held)
                return await _send(request, result, ask.form)
        except _Refused as refused:
            members = {"kind": "request", "message": refused.message, "hint": refused.hint}
            return _error(refused.status, members)
        except QueryError as error:
            return _error(STATUS[error.kind], error.as_json())

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[list[RunningQuery]]:
        """One of the places for queries, freed only when the engine is done with them too."""
        await self._take()
        held: list[RunningQuery] = []
        try:
            yield held
        finally:
            if held:
                loop = asyncio.get_running_loop()
                held[0].future.add_done_callback(lambda _: _call_on(loop, self._slots.release))
            else:
                self._slots.release()

    async def _take(self) -> None:
        if self._waiting < _MAX_WAITING:
            self._waiting += 1
            try:
                async with asyncio.timeout(self._limits.wait_seconds):
                    await self._slots.acquire()
                return
            except TimeoutError:
                pass
            finally:
                self._waiting -= 1
        raise QueryError(
            "busy",
            f"{self._limits.concurrent} queries are running already",
            hint="Try again in a few seconds.",
        )

    async def _run(self, sql: str, held: list[RunningQuery]) -> QueryResult:
        query = RunningQuery(self._database(), sql, self._limits)
        held.append(query)
        ended = asyncio.wrap_future(query.future)
        ended.add_done_callback(_retrieve)
        try:
            await asyncio.wait([ended], timeout=self._limits.seconds + _GRACE_S)
        except asyncio.CancelledError:
            query.cancel()
            raise
        if not ended.done():
            raise too_slow(self._limits)
        return ended.result()


def _retrieve(ended: asyncio.Future[QueryResult]) -> None:
    """Nobody may be waiting any more; asyncio complains of an error that nobody has seen."""
    if not ended.cancelled():
        ended.exception()


def _call_on(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is gone, and the slots with it
        loop.call_soon_threadsafe(call)


async def _read(request: web.Request, limits: QueryLimits) -> _Ask:
    """The query and the wanted format out of the body and the headers."""
    body = await _body(request, limits.sql_bytes)
    members: dict[str, Any] = {}
    if request.content_type == "application/json":
        members = _members(body)
    elif request.content_type == "text/plain":
        members = {"sql": _text(body)}
    else:
        raise _Refused(
            415,
            f"the content type {request.content_type} is not understood",
            'Send application/json ({"sql": "SELECT ..."}) or the bare SQL as text/plain.',
        )
    sql = members.get("sql")
    if not isinstance(sql, str):
        raise _Refused(
            400, "the body has no text member `sql`", 'Send {"sql": "SELECT ...", "format": "csv"}.'
        )
    return _Ask(sql, _format(members.get("format"), request.headers.get("Accept", "")))


async def _body(request: web.Request, max_bytes: int) -> bytes:
    # Room for the JSON around the query and for its escapes.
    limit = 2 * max_bytes + 1024
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise _Refused(413, f"the body is larger than {limit} bytes", "Send a shorter query.")
    return bytes(body)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _Refused(400, f"the query is not UTF-8: {error}", "Send it as UTF-8.") from error


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Refused(
            400, f"the body is not JSON: {error}", 'Send {"sql": "SELECT ..."}.'
        ) from error
    if not isinstance(members, dict):
        raise _Refused(400, "the body is not a JSON object", 'Send {"sql": "SELECT ..."}.')
    return members


def _format(wanted: object, accept: str) -> StreamFormat:
    """The format by name, else the first known type that Accept lists, else JSON."""
    if wanted is not None:
        for form in CONTENT_TYPES:
            if form == wanted:
                return form
        raise _Refused(400, f"the format {wanted!r} is unknown", "Use json, csv, arrow or parquet.")
    for part in accept.split(","):
        for form, content_type in CONTENT_TYPES.items():
            if part.partition(";")[0].strip().lower() == content_type.partition(";")[0]:
                return form
    return "json"


async def _send(
    request: web.Request, result: QueryResult, form: StreamFormat
) -> web.StreamResponse:
    pieces = encode(result, form)
    try:
        piece = await asyncio.to_thread(next, pieces, None)
    except OutputError as error:
        raise _Refused(400, str(error), "Cast the column, or take another format.") from error
    response = web.StreamResponse(
        headers={"Content-Type": CONTENT_TYPES[form], "Spanscore-Rows": str(result.rows)}
    )
    if result.truncated is not None:
        response.headers["Spanscore-Truncated"] = result.truncated
    try:
        # A reader that takes nothing would keep its place for ever.
        async with asyncio.timeout(_SEND_S):
            await response.prepare(request)
            while piece is not None:
                await response.write(piece)
                piece = await asyncio.to_thread(next, pieces, None)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response


def _error(status: int, members: dict[str, Any]) -> web.Response:
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else None
    return web.Response(
        status=status,
        body=orjson.dumps({"error": members}) + b"\n",
        content_type="application/json",
        headers=headers,
    )

"""How pages read the store: plain functions over a cursor, on threads, each with a bound."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import duckdb

from ..store.query import QueryLimits, too_slow
from ..store.query_error import QueryError

THREADS = 4
MAX_WAITING = 64
_INTERRUPT_EVERY_S = 0.05

Row = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def rows(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, object] | Sequence[object] = (),
) -> list[Row]:
    """The rows of a query, by column. Values from outside go in as parameters, never as text."""
    cursor.execute(sql, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Reads:
    """Runs reading functions beside the event loop, `THREADS` at once and `MAX_WAITING` in line.

    `await reads.run(function, *arguments)` calls `function(cursor, *arguments)` on a thread, in one
    read-only transaction: all that it asks is of one moment. It raises what the function raises,
    and QueryError when there is no room (busy) or the time limit is over (timeout); the query is
    then interrupted, and so it is when the caller is cancelled.
    """

    def __init__(
        self, database: Callable[[], duckdb.DuckDBPyConnection], limits: QueryLimits
    ) -> None:
        self._database = database
        self._limits = limits
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._under_way = 0

    async def run(
        self,
        function: Callable[Concatenate[duckdb.DuckDBPyConnection, P], T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What `function(cursor, *arguments, **named)` returns."""
        if self._under_way >= THREADS + MAX_WAITING:
            raise QueryError(
                "busy", "too many pages are being made", hint="Try again in a few seconds."
            )
        reading = _Reading(self._database)
        self._under_way += 1
        future: Future[T] = self._pool.submit(
            reading.run, lambda cursor: function(cursor, *arguments, **named)
        )
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(self._leave)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await asyncio.shield(waiting)
        except TimeoutError:
            if waiting.done():
                raise
            raise too_slow(self._limits) from None
        finally:
            if not waiting.done():
                reading.stop(future)

    def close(self) -> None:
        """Let go of the threads; what still runs ends by its own time limit."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, ended: asyncio.Future[Any]) -> None:
        self._under_way -= 1
        # Nobody may be waiting any more; asyncio complains of an error that nobody has seen.
        if not ended.cancelled():
            ended.exception()


class _Reading:
    """One call of a reading function, and the way to stop it."""

    def __init__(self, database: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._database = database
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, function: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._lock:
            if self._stopped:
                raise QueryError("cancelled", "nobody waits for this any more")
            self._cursor = cursor = self._database()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            return function(cursor)
        except duckdb.InterruptException as error:
            raise QueryError("cancelled", "the query was stopped") from error
        finally:
            with self._lock:
                self._cursor = None
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                cursor.close()

    def stop(self, future: Future[Any]) -> None:
        """Interrupt until it has ended: one that falls between two statements is forgotten."""
        self._stopped = True
        if future.cancel():
            return
        threading.Thread(target=self._interrupt, args=(future,), daemon=True).start()

    def _interrupt(self, future: Future[Any]) -> None:
        while not future.done():
            with self._lock:
                if self._cursor is not None:
                    self._cursor.interrupt()
            with contextlib.suppress(TimeoutError, Exception):
                future.exception(timeout=_INTERRUPT_EVERY_S)

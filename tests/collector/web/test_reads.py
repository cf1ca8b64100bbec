"""Reading functions run beside the event loop, in one transaction, within bounds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import duckdb
import pytest

from spanscore.collector.store.query import QueryLimits
from spanscore.collector.store.query_error import QueryError
from spanscore.collector.web import reads as reads_module
from spanscore.collector.web.reads import Reads, rows
from tests.support.queries import ROWS, small_database

FOR_EVER = "SELECT count(*) FROM range(10000000) a, range(10000000) b"


@asynccontextmanager
async def reading(folder: Path, *, seconds: float = 30.0) -> AsyncIterator[Reads]:
    with small_database(folder) as connection:
        reads = Reads(connection.cursor, QueryLimits(seconds=seconds))
        yield reads
        reads.close()


def kept(cursor: duckdb.DuckDBPyConnection, least: int) -> list[tuple[int, str | None]]:
    found = rows(cursor, "SELECT id, name FROM kept WHERE id >= ? ORDER BY id", [least])
    return [(row["id"], row["name"]) for row in found]


async def test_a_function_reads_through_a_cursor_of_its_own(tmp_path: Path) -> None:
    async with reading(tmp_path) as reads:
        assert await reads.run(kept, 1) == ROWS
        assert await reads.run(kept, least=3) == ROWS[2:]


async def test_a_function_cannot_write(tmp_path: Path) -> None:
    async with reading(tmp_path) as reads:
        with pytest.raises(duckdb.Error, match="read-only"):
            await reads.run(rows, "DELETE FROM kept")


async def test_the_event_loop_goes_on_while_a_function_runs(tmp_path: Path) -> None:
    went_on = threading.Event()

    def waits(_: duckdb.DuckDBPyConnection) -> bool:
        return went_on.wait(10)

    async with reading(tmp_path) as reads:
        under_way = asyncio.ensure_future(reads.run(waits))
        await asyncio.sleep(0)
        went_on.set()
        assert await under_way


async def test_a_query_that_runs_for_ever_is_stopped_and_said(tmp_path: Path) -> None:
    async with reading(tmp_path, seconds=0.2) as reads:
        began_s = time.monotonic()
        with pytest.raises(QueryError, match=r"stopped after 0\.2 s") as caught:
            await reads.run(rows, FOR_EVER)
        assert caught.value.kind == "timeout"
        assert time.monotonic() - began_s < 5
        await _until_idle(reads)
        assert await reads.run(kept, 1) == ROWS


async def test_a_reader_that_hangs_up_stops_its_query(tmp_path: Path) -> None:
    async with reading(tmp_path) as reads:
        under_way = asyncio.ensure_future(reads.run(rows, FOR_EVER))
        await asyncio.sleep(0.1)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await _until_idle(reads)


async def test_too_many_at_once_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads_module, "MAX_WAITING", 0)
    release = threading.Event()

    def waits(_: duckdb.DuckDBPyConnection) -> bool:
        return release.wait(10)

    async with reading(tmp_path) as reads:
        full = [asyncio.ensure_future(reads.run(waits)) for _ in range(reads_module.THREADS)]
        await asyncio.sleep(0)
        with pytest.raises(QueryError, match="too many") as caught:
            await reads.run(kept, 1)
        assert caught.value.kind == "busy"
        release.set()
        assert all(await asyncio.gather(*full))


async def _until_idle(reads: Reads) -> None:
    async with asyncio.timeout(10):
        while reads._under_way:
            await asyncio.sleep(0.02)

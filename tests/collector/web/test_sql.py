"""`POST /api/sql`: what goes in, what comes out, and what ends a query."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from spanscore.collector.store.query import QueryLimits
from spanscore.collector.web.sql import add_sql_routes
from tests.support.queries import everything, small_database

LIMITS = QueryLimits(seconds=10)
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT count(*) FROM r"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path) as connection:
        yield connection


@asynccontextmanager
async def asking(
    database: duckdb.DuckDBPyConnection, limits: QueryLimits = LIMITS
) -> AsyncIterator[Client]:
    app = web.Application()
    add_sql_routes(app, lambda: database, limits)
    async with TestClient(TestServer(app)) as client:  # cancels the handler of who hangs up
        yield client


async def error_of(client: Client, status: int, **request: Any) -> dict[str, Any]:
    response = await client.post("/api/sql", **request)
    assert response.status == status
    assert response.content_type == "application/json"
    members = (await response.json())["error"]
    assert isinstance(members, dict)
    return members


async def query_started() -> None:
    """Return when the thread of a query is running."""
    for _ in range(1000):
        if any(thread.name == "query" for thread in threading.enumerate()):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("no query was started")


async def test_a_query_in_json_is_answered_in_json(database: duckdb.DuckDBPyConnection) -> None:
    async with asking(database) as client:
        response = await client.post("/api/sql", json={"sql": "FROM kept ORDER BY id"})
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Spanscore-Rows"] == "3"
        assert "Spanscore-Truncated" not in response.headers
        assert await response.text() == (
            '[\n{"id":1,"name":"one"},\n{"id":2,"name":"two"},\n{"id":3,"name":null}\n]\n'
        )


async def test_a_query_may_be_the_bare_text(database: duckdb.DuckDBPyConnection) -> None:
    async with asking(database) as client:
        response = await client.post(
            "/api/sql", data="SELECT 'é' AS e", headers={"Content-Type": "text/plain"}
        )
        assert await response.json() == [{"e": "é"}]


@pytest.mark.parametrize(
    ("wanted", "accept", "content_type"),
    [
        (None, "", "application/json"),
        (None, "*/*", "application/json"),
        (None, "text/csv", "text/csv; charset=utf-8"),
        (None, "text/html, Text/CSV;q=0.9", "text/csv; charset=utf-8"),
        (None, "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("json", "text/csv", "application/json"),
        ("csv", "application/json", "text/csv; charset=utf-8"),
        ("arrow", "", "application/vnd.apache.arrow.stream"),
    ],
)
async def test_the_format_is_the_one_that_is_asked_for(
    wanted: str | None, accept: str, content_type: str, database: duckdb.DuckDBPyConnection
) -> None:
    async with asking(database) as client:
        body = {"sql": "SELECT 1 AS one"} | ({"format": wanted} if wanted else {})
        response = await client.post("/api/sql", json=body, headers={"Accept": accept})
        assert response.headers["Content-Type"] == content_type


async def test_an_arrow_answer_holds_the_types_of_the_columns(
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database) as client:
        body = {"sql": "FROM kept ORDER BY id", "format": "arrow"}
        response = await client.post("/api/sql", json=body)
        with pa.ipc.open_stream(io.BytesIO(await response.read())) as reader:
            table = reader.read_all()
        assert table.schema.types == [pa.int64(), pa.string()]
        assert table["name"].to_pylist() == ["one", "two", None]


async def test_a_large_answer_arrives_whole(database: duckdb.DuckDBPyConnection) -> None:
    async with asking(database) as client:
        body = {"sql": "SELECT range AS n, repeat('x', 50) AS x FROM range(100000)"}
        answer = await (await client.post("/api/sql", json=body)).json()
        assert [row["n"] for row in answer] == list(range(100_000))


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
@pytest.mark.parametrize(
    ("limits", "cap"), [(QueryLimits(rows=5), "rows"), (QueryLimits(result_bytes=9), "bytes")]
)
async def test_a_cut_answer_says_so_before_its_first_byte(
    form: str, limits: QueryLimits, cap: str, database: duckdb.DuckDBPyConnection
) -> None:
    async with asking(database, limits) as client:
        body = {"sql": "SELECT range AS n FROM range(10)", "format": form}
        response = await client.post("/api/sql", json=body)
        assert response.status == 200
        assert response.headers["Spanscore-Truncated"] == cap
        assert response.headers["Spanscore-Rows"] == ("5" if cap == "rows" else "0")


async def test_a_mistake_in_the_query_is_shown_with_its_position(
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database) as client:
        error = await error_of(client, 400, json={"sql": "SELECT id,\n  nope\nFROM kept"})
        assert error == {
            "kind": "sql",
            "message": 'Binder Error: Referenced column "nope" not found in FROM clause!\n'
            'Candidate bindings: "name"',
            "line": 2,
            "column": 3,
            "hint": None,
            "excerpt": "  nope\n  ^",
        }


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM kept", "write"),
        ("WITH d AS (DELETE FROM kept RETURNING id) FROM d", "write"),
        ("FROM read_text('/etc/passwd')", "forbidden"),
        ("FROM '/etc/passwd.csv'", "forbidden"),
    ],
)
async def test_a_write_or_a_file_is_forbidden_and_changes_nothing(
    sql: str, kind: str, database: duckdb.DuckDBPyConnection
) -> None:
    before = everything(database)
    async with asking(database) as client:
        error = await error_of(client, 403, json={"sql": sql})
        assert error["kind"] == kind
        assert error["hint"]
    assert everything(database) == before


async def test_a_query_past_its_time_is_answered_504(
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database, QueryLimits(seconds=0.2)) as client:
        error = await error_of(client, 504, json={"sql": ENDLESS})
        assert error["kind"] == "timeout"


async def test_a_query_above_the_memory_of_the_store_is_answered_413(
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database) as client:
        sql = "SELECT list(range) FROM range(10000000000)"
        assert (await error_of(client, 413, json={"sql": sql}))["kind"] == "memory"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        ("{", "application/json", 400, "not JSON"),
        ("[]", "application/json", 400, "not a JSON object"),
        ("{}", "application/json", 400, "no text member `sql`"),
        ('{"sql": 1}', "application/json", 400, "no text member `sql`"),
        ('{"sql": "SELECT 1", "format": "xml"}', "application/json", 400, "'xml' is unknown"),
        ('{"sql": "SELECT 1", "format": []}', "application/json", 400, "[] is unknown"),
        ("[" * 100_000, "application/json", 400, "not JSON"),
        (b"\xff", "text/plain", 400, "not UTF-8"),
        (b'{"sql": "\xff"}', "application/json", 400, "not JSON"),
        ("sql=SELECT+1", "application/x-www-form-urlencoded", 415, "not understood"),
        ("x" * 600_000, "text/plain", 413, "larger than"),
        ("x" * 300_000, "text/plain", 400, "longer than"),
        ("", "text/plain", 400, "empty"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(
    body: str | bytes,
    content_type: str,
    status: int,
    message: str,
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database) as client:
        request = {"data": body, "headers": {"Content-Type": content_type}}
        error = await error_of(client, status, **request)
        assert message in error["message"]


async def test_other_methods_are_not_served(database: duckdb.DuckDBPyConnection) -> None:
    async with asking(database) as client:
        assert (await client.get("/api/sql?sql=SELECT+1")).status == 405


async def test_a_query_without_a_place_is_told_to_come_again(
    database: duckdb.DuckDBPyConnection,
) -> None:
    limits = QueryLimits(seconds=3, concurrent=1, wait_seconds=0.05)
    async with asking(database, limits) as client:
        first = asyncio.create_task(client.post("/api/sql", json={"sql": ENDLESS}))
        await query_started()
        response = await client.post("/api/sql", json={"sql": "SELECT 1"})
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["error"]["kind"] == "busy"
        assert (await first).status == 504


async def test_a_query_waits_for_its_place(database: duckdb.DuckDBPyConnection) -> None:
    async with asking(database, QueryLimits(concurrent=1)) as client:
        asked = [client.post("/api/sql", json={"sql": f"SELECT {n} AS n"}) for n in range(20)]
        answers = [await response.json() for response in await asyncio.gather(*asked)]
        assert answers == [[{"n": n}] for n in range(20)]


async def test_too_many_waiting_queries_are_sent_away(
    database: duckdb.DuckDBPyConnection,
) -> None:
    async with asking(database, QueryLimits(seconds=1, concurrent=1)) as client:
        first = asyncio.create_task(client.post("/api/sql", json={"sql": ENDLESS}))
        await query_started()
        asked = [client.post("/api/sql", json={"sql": "SELECT 1"}) for _ in range(90)]
        statuses = [response.status for response in await asyncio.gather(*asked)]
        assert statuses.count(503) == 90 - 64
        assert statuses.count(200) == 64
        assert (await first).status == 504


async def test_a_client_that_hangs_up_frees_its_place(
    database: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    limits = QueryLimits(seconds=60, concurrent=1, wait_seconds=20)
    async with asking(database, limits) as client:
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.post("/api/sql", json={"sql": ENDLESS})
        response = await client.post("/api/sql", json={"sql": "SELECT 1 AS one"})
        assert await response.json() == [{"one": 1}]
    gc.collect()
    assert not caplog.records


async def test_a_client_that_hangs_up_while_reading_frees_its_place(
    database: duckdb.DuckDBPyConnection,
) -> None:
    limits = QueryLimits(concurrent=1, wait_seconds=20)
    sql = "SELECT repeat('x', 1000) AS x FROM range(50000)"
    async with asking(database, limits) as client:
        for _ in range(3):
            body = json.dumps({"sql": sql}).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(
                b"POST /api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.transport.abort()
        response = await client.post("/api/sql", json={"sql": "SELECT 1 AS one"})
        assert await response.json() == [{"one": 1}]

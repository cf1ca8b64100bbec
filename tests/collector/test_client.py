"""The same query gives the same bytes over HTTP as from the file, and the same errors."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest
from aiohttp import web

from spanscore.collector.client import ClientError, query_over_http
from spanscore.collector.output import Format, write_result
from spanscore.collector.store.query import QueryLimits, QueryResult, run_query
from spanscore.collector.store.query_error import QueryError
from spanscore.collector.web.guard import guard
from spanscore.collector.web.sql import add_sql_routes
from tests.support.queries import serving, small_database

TOKEN = "0123456789abcdef0123456789abcdef"
LIMITS = QueryLimits(seconds=1, rows=1000)
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT count(*) FROM r"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path_factory.mktemp("client")) as connection:
        yield connection


@pytest.fixture(scope="module")
def collector(database: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The address of a running collector's web port."""
    app = web.Application(middlewares=[guard(token=TOKEN, hosts=[])])
    add_sql_routes(app, lambda: database, LIMITS)
    with serving(app) as url:
        yield url


def written(result: QueryResult, form: Format) -> tuple[bytes, str]:
    output, notes = io.BytesIO(), io.StringIO()
    stream = io.TextIOWrapper(output, encoding="utf-8")
    write_result(result, form, stream, notes)
    stream.flush()
    stream.detach()
    return output.getvalue(), notes.getvalue()


@pytest.mark.parametrize("form", ["table", "json", "csv", "arrow", "parquet"])
@pytest.mark.parametrize(
    "sql",
    [
        "FROM kept ORDER BY id",
        "FROM kept WHERE false",
        "SELECT range AS n, MAP {'k': range::VARCHAR} AS m FROM range(1001)",
        "SELECT 1 AS a, 2 AS a, TIMESTAMP '2026-01-02 03:04:05' AS t, 'a'::ENUM ('a') AS e",
        "SHOW TABLES",
    ],
)
def test_the_file_and_the_collector_give_the_same_bytes(
    sql: str, form: Format, collector: str, database: duckdb.DuckDBPyConnection
) -> None:
    over_http = written(query_over_http(collector, TOKEN, sql), form)
    assert over_http == written(run_query(database, sql, LIMITS), form)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id,\n nope FROM kept",
        "DELETE FROM kept",
        "FROM glob('*')",
        "FROM 'x.csv'",
        "SELECT 1; SELECT 2",
        "SELECT error('boom')",
        ENDLESS,
    ],
)
def test_the_file_and_the_collector_give_the_same_errors(
    sql: str, collector: str, database: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(QueryError) as from_file:
        run_query(database, sql, LIMITS)
    with pytest.raises(QueryError) as over_http:
        query_over_http(collector, TOKEN, sql)
    assert over_http.value.as_json() == from_file.value.as_json()


def test_a_wrong_token_is_said(collector: str) -> None:
    with pytest.raises(ClientError, match="token is missing or wrong"):
        query_over_http(collector, "wrong", "SELECT 1")


@pytest.mark.parametrize("url", ["", "localhost:4319", "ftp://localhost", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="write http://HOST:PORT"):
        query_over_http(url, TOKEN, "SELECT 1")


def test_a_port_where_nothing_listens_is_named() -> None:
    with pytest.raises(ClientError, match=r"no collector answers at http://127\.0\.0\.1:1"):
        query_over_http("http://127.0.0.1:1", TOKEN, "SELECT 1")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers anything with these bytes and closes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(timeout=10)


_ARROW = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apache.arrow.stream\r\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "did not answer"),
        (b"nonsense\r\n\r\n", "did not answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "no spanscore collector"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nhi", "HTTP 502 without a reason"),
        (b'HTTP/1.1 400 Bad\r\nContent-Length: 12\r\n\r\n{"error":[]}', "HTTP 400 without"),
        (_ARROW + b"Content-Length: 100\r\n\r\nhi", "did not answer"),
        (_ARROW + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi", "did not answer"),
        (_ARROW + b"Content-Length: 4\r\n\r\nhihi", "did not answer"),
    ],
)
def test_a_broken_answer_is_never_a_result(answer: bytes, message: str) -> None:
    with answering(answer) as url, pytest.raises(ClientError, match=message):
        query_over_http(url, TOKEN, "SELECT 1")

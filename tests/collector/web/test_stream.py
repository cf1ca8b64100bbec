"""`POST /api/stream`: a whole result however large, and an end that nobody can mistake."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from aiohttp import web

from spanscore.collector.client import ClientError, stream_over_http
from spanscore.collector.store.query_error import QueryError
from spanscore.collector.web.guard import guard
from spanscore.collector.web.stream import AT_ONCE, MAX_SQL_BYTES, add_stream_route
from tests.support.queries import ROWS, everything, serving, small_database

TOKEN = "0123456789abcdef0123456789abcdef"
ENDLESS = "SELECT r1.range FROM range(100000000) r1, range(1000) r2"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path_factory.mktemp("stream")) as connection:
        yield connection


@pytest.fixture(scope="module")
def collector(database: duckdb.DuckDBPyConnection) -> Iterator[str]:
    app = web.Application(middlewares=[guard(token=TOKEN, hosts=[])])
    add_stream_route(app, lambda: database)
    with serving(app) as url:
        yield url


def streamed(url: str, sql: str) -> pa.Table:
    sink = io.BytesIO()
    stream_over_http(url, TOKEN, sql, sink)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


class Hanging(io.BytesIO):
    """A disk on which every write waits until it is let go, and then fails."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def write(self, _: object) -> int:
        self.begun.set()
        self.let_go.wait(60)
        raise OSError(28, "No space left on device")


def test_a_result_comes_whole(collector: str) -> None:
    table = streamed(collector, "SELECT * FROM kept ORDER BY id")
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    assert streamed(collector, "SELECT * FROM kept WHERE false").schema == table.schema


def test_there_is_no_cap_on_rows(collector: str) -> None:
    assert streamed(collector, "SELECT * FROM range(3000000)").num_rows == 3_000_000


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT nope FROM kept", "sql"),
        ("DELETE FROM kept", "write"),
        ("WITH d AS (DELETE FROM kept RETURNING id) SELECT * FROM d", "write"),
        ("FROM read_csv('/etc/passwd')", "forbidden"),
        ("SELECT error('boom')", "sql"),
        ("x" * (MAX_SQL_BYTES + 1), "sql"),
    ],
)
def test_what_is_refused_elsewhere_is_refused_here(
    collector: str, database: duckdb.DuckDBPyConnection, sql: str, kind: str
) -> None:
    before = everything(database)
    with pytest.raises(QueryError) as refused:
        streamed(collector, sql)
    assert refused.value.kind == kind
    assert everything(database) == before


def test_an_error_after_the_first_rows_does_not_pass_for_a_short_result(collector: str) -> None:
    late = "SELECT CASE WHEN range < 2000000 THEN range ELSE error('late') END FROM range(2000001)"
    with pytest.raises((ClientError, QueryError)):
        streamed(collector, late)


def test_without_the_token_nothing_is_read(collector: str) -> None:
    with pytest.raises(ClientError, match="read token"):
        stream_over_http(collector, "wrong", "FROM kept", io.BytesIO())


def test_a_full_disk_of_the_reader_is_told_and_ends_the_query(collector: str) -> None:
    for _ in range(AT_ONCE + 1):
        sink = Hanging()
        sink.let_go.set()
        with pytest.raises(ClientError, match="make room, or let TMPDIR name another disk"):
            stream_over_http(collector, TOKEN, ENDLESS, sink)
        until(lambda: streamed(collector, "SELECT 1").num_rows == 1)


def test_beyond_a_few_at_once_one_is_told_to_come_again(collector: str) -> None:
    sinks = [Hanging() for _ in range(AT_ONCE)]

    def dawdle(sink: Hanging) -> None:
        with pytest.raises(ClientError):
            stream_over_http(collector, TOKEN, ENDLESS, sink)

    threads = [threading.Thread(target=dawdle, args=(sink,)) for sink in sinks]
    for thread in threads:
        thread.start()
    for sink in sinks:
        assert sink.begun.wait(30)
    with pytest.raises(QueryError) as refused:
        streamed(collector, "SELECT 1")
    assert refused.value.kind == "busy"
    for sink, thread in zip(sinks, threads, strict=True):
        sink.let_go.set()
        thread.join(30)
    until(lambda: streamed(collector, "SELECT 1").num_rows == 1)


def until(true: object) -> None:
    """Try again while the places of those that hung up are being cleared."""
    deadline_s = time.monotonic() + 30
    while True:
        try:
            assert true()  # type: ignore[operator]  # a function
        except QueryError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        else:
            return

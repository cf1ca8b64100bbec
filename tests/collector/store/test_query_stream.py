"""A stream of a result: of one moment, stoppable, and closed for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from spanscore.collector.store.query_error import QueryError
from spanscore.collector.store.query_stream import BATCH_ROWS, ResultStream
from tests.support.queries import ROWS, small_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path) as connection:
        yield connection


def test_batches_are_small_and_hold_all_rows(database: duckdb.DuckDBPyConnection) -> None:
    with closing(ResultStream(database, "SELECT * FROM range(10000)")) as stream:
        sizes = [batch.num_rows for batch in stream]
    assert sum(sizes) == 10_000
    assert max(sizes) <= BATCH_ROWS


def test_what_comes_meanwhile_is_not_in_it(database: duckdb.DuckDBPyConnection) -> None:
    with closing(ResultStream(database, "SELECT * FROM kept")) as stream:
        database.execute("INSERT INTO kept VALUES (4, 'four')")
        assert sum(batch.num_rows for batch in stream) == len(ROWS)


def test_a_stream_that_is_cancelled_ends_with_an_error(database: duckdb.DuckDBPyConnection) -> None:
    with closing(ResultStream(database, "FROM range(100000000000)")) as stream:
        batches = iter(stream)
        next(batches)
        stream.cancel()
        with pytest.raises(QueryError, match="INTERRUPT"):
            for _ in batches:
                pass


def test_a_closed_stream_has_no_more_rows_and_holds_nothing(
    database: duckdb.DuckDBPyConnection,
) -> None:
    stream = ResultStream(database, "FROM range(100000)")
    next(iter(stream))
    stream.close()
    stream.close()
    assert list(stream) == []
    database.execute("CHECKPOINT")

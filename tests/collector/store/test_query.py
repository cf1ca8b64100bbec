"""A query's caps, its end, and what goes on beside it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import duckdb
import pyarrow as pa
import pytest

from spanscore.collector.store.query import QueryLimits, QueryResult, RunningQuery, run_query
from spanscore.collector.store.query_error import QueryError
from tests.support.queries import everything, small_database

LIMITS = QueryLimits(seconds=10)
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT count(*) FROM r"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path) as connection:
        yield connection


def rows(result: QueryResult) -> list[dict[str, object]]:
    table = pa.Table.from_batches(result.batches, result.schema)
    return list(table.to_pylist())


def test_a_query_gives_its_rows_and_columns(database: duckdb.DuckDBPyConnection) -> None:
    result = run_query(database, "SELECT id, name FROM kept ORDER BY id", LIMITS)
    assert rows(result) == [
        {"id": 1, "name": "one"},
        {"id": 2, "name": "two"},
        {"id": 3, "name": None},
    ]
    assert (result.rows, result.truncated, result.notice) == (3, None, None)


def test_an_empty_result_has_its_columns(database: duckdb.DuckDBPyConnection) -> None:
    result = run_query(database, "FROM kept WHERE false", LIMITS)
    assert (result.schema.names, result.rows) == (["id", "name"], 0)


def test_columns_of_one_name_are_told_apart(database: duckdb.DuckDBPyConnection) -> None:
    result = run_query(database, "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a, 5 AS A", LIMITS)
    assert result.schema.names == ["a", "a_1", "a_1_1", "a_2", "A"]
    assert rows(result) == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4, "A": 5}]


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT i FROM r WHERE i = 0",
        "SELECT count(*) FROM range(1000000000) a, range(1000000000) b "
        "WHERE a.range * b.range % 7 = 3",
        "SELECT sleep_ms(60000)",
        "EXPLAIN ANALYZE " + ENDLESS,
    ],
)
def test_a_query_past_its_time_is_stopped(sql: str, database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match=r"stopped after 0\.2 s") as stopped:
        run_query(database, sql, QueryLimits(seconds=0.2))
    assert stopped.value.kind == "timeout"


def test_a_stopped_query_leaves_nothing_behind(database: duckdb.DuckDBPyConnection) -> None:
    before = everything(database)
    with pytest.raises(QueryError):
        run_query(database, ENDLESS, QueryLimits(seconds=0.1))
    database.execute("FORCE CHECKPOINT")
    assert everything(database) == before
    assert run_query(database, "SELECT 1", LIMITS).rows == 1


@pytest.mark.parametrize(
    ("asked", "truncated"), [(99, None), (100, None), (101, "rows"), (10**9, "rows")]
)
def test_rows_above_the_cap_are_cut_off_and_that_is_said(
    asked: int, truncated: str | None, database: duckdb.DuckDBPyConnection
) -> None:
    result = run_query(database, f"SELECT range FROM range({asked})", QueryLimits(rows=100))
    assert (result.rows, result.truncated) == (min(asked, 100), truncated)
    assert (result.notice is not None) == (truncated is not None)


def test_the_cap_on_rows_counts_across_batches(database: duckdb.DuckDBPyConnection) -> None:
    result = run_query(database, "SELECT range AS n FROM range(50000)", QueryLimits(rows=20001))
    assert (result.rows, result.truncated) == (20001, "rows")
    assert [row["n"] for row in rows(result)] == list(range(20001))


def test_bytes_above_the_cap_are_cut_off_and_that_is_said(
    database: duckdb.DuckDBPyConnection,
) -> None:
    limits = QueryLimits(result_bytes=20_000_000)
    result = run_query(database, "SELECT repeat('x', 1000) AS x FROM range(100000000)", limits)
    assert sum(batch.nbytes for batch in result.batches) <= 20_000_000
    assert 0 < result.rows <= 20_000
    assert result.truncated == "bytes"
    assert "limit on bytes" in str(result.notice)


def test_a_query_that_needs_too_much_memory_says_so(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match="more memory") as refused:
        run_query(database, "SELECT list(range) FROM range(10000000000)", LIMITS)
    assert refused.value.kind == "memory"


def test_a_query_longer_than_its_cap_is_refused(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match="longer than 1000 bytes"):
        run_query(database, f"SELECT '{'é' * 500}'", QueryLimits(sql_bytes=1000))


def test_a_query_can_be_cancelled(database: duckdb.DuckDBPyConnection) -> None:
    running = RunningQuery(database, ENDLESS, LIMITS)
    running.cancel()
    running.cancel()
    with pytest.raises(QueryError) as stopped:
        running.future.result(timeout=5)
    running.join()
    assert stopped.value.kind == "cancelled"


def test_cancelling_a_query_that_has_ended_changes_nothing(
    database: duckdb.DuckDBPyConnection,
) -> None:
    running = RunningQuery(database, "SELECT 1", LIMITS)
    running.join()
    running.cancel()
    assert running.future.result(timeout=5).rows == 1


def test_ctrl_c_stops_a_query(tmp_path: Path) -> None:
    script = (
        "import duckdb\n"
        "from spanscore.collector.store.query import QueryLimits, run_query\n"
        "print('asking', flush=True)\n"
        f"run_query(duckdb.connect(), {ENDLESS!r}, QueryLimits(seconds=60))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert process.returncode != 0


def test_queries_see_whole_commits_while_another_cursor_inserts(
    database: duckdb.DuckDBPyConnection,
) -> None:
    database.execute("CREATE TABLE loaded (batch BIGINT, v BIGINT)")
    writer = database.cursor()
    failures: list[BaseException] = []

    def load() -> None:
        try:
            for number in range(20):
                batch = pa.table({"batch": [number] * 1000, "v": range(1000)})
                writer.register("arrived", batch)
                writer.execute("BEGIN")
                writer.execute("INSERT INTO loaded SELECT * FROM arrived WHERE v < 500")
                writer.execute("INSERT INTO loaded SELECT * FROM arrived WHERE v >= 500")
                writer.execute("COMMIT")
                writer.unregister("arrived")
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    counts: list[int] = []
    while thread.is_alive() or not counts:
        result = run_query(database, "SELECT count(*) AS n FROM loaded", LIMITS)
        counts.append(cast("int", rows(result)[0]["n"]))
    thread.join()
    assert not failures
    assert counts == sorted(counts)
    assert all(count % 1000 == 0 for count in counts)
    assert database.execute("SELECT count(*) FROM loaded").fetchall() == [(20_000,)]


def test_several_queries_run_at_once(database: duckdb.DuckDBPyConnection) -> None:
    running = [RunningQuery(database, f"SELECT {n} AS n FROM kept", LIMITS) for n in range(8)]
    results = [query.future.result(timeout=10) for query in running]
    assert [rows(result)[0]["n"] for result in results] == list(range(8))
    for query in running:
        query.join()


def test_a_hardened_engine_still_does_what_the_loader_needs(
    database: duckdb.DuckDBPyConnection,
) -> None:
    database.register("arrived", pa.table({"id": [10], "name": ["ten"]}))
    database.execute("BEGIN")
    database.execute("INSERT INTO kept SELECT * FROM arrived")
    database.execute("CREATE TEMP TABLE scratch AS FROM arrived")
    database.execute("COMMIT")
    database.unregister("arrived")
    database.execute("CHECKPOINT")
    assert database.execute("SELECT count(*) FROM kept").fetchall() == [(4,)]


def test_a_hardened_engine_spills_to_its_temporary_folder(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # About 400 MB of rows, sorted within 200 MB.
    result = run_query(
        database,
        "SELECT v FROM (SELECT hash(range)::VARCHAR || repeat('x', 180) AS v FROM range(2000000)) "
        "ORDER BY v LIMIT 1 OFFSET 1999990",
        QueryLimits(seconds=60),
    )
    assert result.rows == 1
    assert (tmp_path / "spill").is_dir()


def test_local_variables_of_the_process_are_no_tables(
    database: duckdb.DuckDBPyConnection,
) -> None:
    secret = pa.table({"key": ["hidden"]})
    with pytest.raises(QueryError, match="Table with name secret does not exist"):
        run_query(database, "SELECT * FROM secret", LIMITS)
    assert secret.num_rows == 1


@pytest.mark.parametrize("setting", ["threads = 1", "enable_external_access = true"])
def test_settings_cannot_be_changed_once_the_engine_is_hardened(
    setting: str, database: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        database.execute(f"SET {setting}")


def test_times_are_utc_whatever_the_zone_of_the_machine(
    database: duckdb.DuckDBPyConnection,
) -> None:
    result = run_query(
        database, "SELECT TIMESTAMPTZ '2026-01-02 03:04:05+02'::VARCHAR AS t", LIMITS
    )
    assert rows(result) == [{"t": "2026-01-02 01:04:05+00"}]

"""What is not a reading query is refused, however it is dressed, and changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.store import query
from spanscore.collector.store.query import QueryLimits, run_query
from spanscore.collector.store.query_error import QueryError
from tests.support.queries import everything, small_database

LIMITS = QueryLimits(seconds=5)

# (what is sent, the kind of its refusal)
ATTACKS = [
    ("DELETE FROM kept", "write"),
    ("INSERT INTO kept VALUES (4, 'four')", "write"),
    ("UPDATE kept SET name = 'x' RETURNING id", "write"),
    ("MERGE INTO kept USING names ON false WHEN NOT MATCHED THEN INSERT VALUES (9, 'x')", "write"),
    ("TRUNCATE kept", "write"),
    ("WITH d AS (DELETE FROM kept RETURNING id) SELECT * FROM d", "write"),
    ("WITH d AS (INSERT INTO kept VALUES (4, 'x') RETURNING id) SELECT * FROM d", "write"),
    ("WITH d AS (UPDATE kept SET id = 0 RETURNING id) SELECT * FROM d", "write"),
    ("WITH d AS (COPY kept TO '{folder}/out.csv') SELECT 1", "write"),
    ("SELECT * FROM (WITH d AS (DELETE FROM kept RETURNING id) FROM d)", "write"),
    ("SELECT 1 WHERE 1 IN (WITH d AS (DELETE FROM kept RETURNING id) FROM d)", "write"),
    ("EXPLAIN ANALYZE DELETE FROM kept", "write"),
    ("EXPLAIN ANALYZE WITH d AS (DELETE FROM kept RETURNING id) FROM d", "write"),
    ("EXPLAIN (ANALYZE) DELETE FROM kept", "write"),
    ("DESCRIBE WITH d AS (DELETE FROM kept RETURNING id) FROM d", "write"),
    ("SUMMARIZE WITH d AS (DELETE FROM kept RETURNING id) FROM d", "write"),
    ("CREATE TABLE other (i INT)", "write"),
    ("CREATE OR REPLACE VIEW names AS SELECT 1", "write"),
    ("CREATE TEMP TABLE other AS SELECT 1", "write"),
    ("CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')", "write"),
    ("DROP TABLE kept", "write"),
    ("ALTER TABLE kept ADD COLUMN more INT", "write"),
    ("COMMENT ON TABLE kept IS 'x'", "write"),
    ("COPY kept TO '{folder}/out.csv'", "write"),
    ("COPY (SELECT 1) TO '{folder}/out.parquet' (FORMAT parquet)", "write"),
    ("COPY kept FROM '/etc/passwd'", "write"),
    ("EXPORT DATABASE '{folder}/out'", "write"),
    ("IMPORT DATABASE '{folder}/out'", "write"),
    ("ATTACH '{folder}/other.duckdb' AS other", "write"),
    ("ATTACH ':memory:' AS other", "write"),
    ("DETACH small", "write"),
    ("USE memory", "write"),
    ("INSTALL httpfs", "write"),
    ("LOAD json", "write"),
    ("SET threads = 1", "write"),
    ("SET VARIABLE a = 1", "write"),
    ("RESET threads", "write"),
    ("PRAGMA enable_profiling", "write"),
    ("PRAGMA database_list", "write"),
    ("CALL duckdb_tables()", "write"),
    ("CHECKPOINT", "write"),
    ("FORCE CHECKPOINT", "write"),
    ("VACUUM", "write"),
    ("ANALYZE", "write"),
    ("PREPARE p AS DELETE FROM kept", "write"),
    ("EXECUTE p", "write"),
    ("BEGIN", "write"),
    ("COMMIT", "write"),
    ("PIVOT kept ON name USING count(*)", "write"),
    ("FROM (PIVOT kept ON name USING count(*))", "write"),
    ("SELECT 1; DELETE FROM kept", "sql"),
    ("COMMIT; DELETE FROM kept; SELECT 1", "sql"),
    ("SELECT 1;;SELECT 2", "sql"),
    ("SELECT nextval('counter')", "forbidden"),
    ("SELECT write_log('x')", "forbidden"),
    ("SELECT main.write_log('x')", "forbidden"),
    ("FROM checkpoint()", "forbidden"),
    ("FROM force_checkpoint()", "forbidden"),
    ("FROM enable_logging()", "forbidden"),
    ("FROM enable_profiling()", "forbidden"),
    ("FROM truncate_duckdb_logs()", "forbidden"),
    ("FROM query('DELETE FROM kept')", "forbidden"),
    ("FROM query_table('kept')", "forbidden"),
    ("FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", "forbidden"),
    ("FROM read_csv('/etc/passwd')", "forbidden"),
    ("FROM read_csv_auto('/etc/passwd')", "forbidden"),
    ("FROM sniff_csv('/etc/passwd')", "forbidden"),
    ("SELECT content FROM read_text('/etc/passwd')", "forbidden"),
    ("SELECT content FROM read_blob('/etc/passwd')", "forbidden"),
    ("FROM read_json('/etc/passwd')", "forbidden"),
    ("FROM read_parquet('/etc/passwd')", "forbidden"),
    ("FROM read_parquet('https://example.com/x.parquet')", "forbidden"),
    ("FROM parquet_metadata('/etc/passwd')", "forbidden"),
    ("FROM read_duckdb('{folder}/small.duckdb')", "forbidden"),
    ("FROM glob('/etc/*')", "forbidden"),
    ("FROM system.main.GLOB('/etc/*')", "forbidden"),
    ("SELECT * FROM \"glob\"('/*')", "forbidden"),
    ("SELECT (SELECT count(*) FROM glob('/etc/*'))", "forbidden"),
    ("EXPLAIN SELECT * FROM glob('/etc/*')", "forbidden"),
    ("FROM duckdb_settings()", "forbidden"),
    ("FROM duckdb_secrets()", "forbidden"),
    ("FROM which_secret('s3://x', 's3')", "forbidden"),
    ("FROM duckdb_extensions()", "forbidden"),
    ("FROM 'file.csv'", "forbidden"),
    ("FROM '{folder}/small.parquet'", "forbidden"),
    ("SELECT * FROM 'https://example.com/file.csv'", "forbidden"),
    ("SELECT getenv('HOME')", "sql"),
    ("SELECT add_parquet_key('a', 'b')", "sql"),
    ("/* SELECT */ DELETE /**/ FROM -- SELECT\n kept", "write"),
    ("-- SELECT 1\r\nDELETE FROM kept", "write"),
    ("\t\v\f\n dElEtE\u00a0fRoM\u2003kept", "write"),
    ("WITH d AS NOT MATERIALIZED (\nDELETE\nFROM\nkept\nRETURNING\nid\n)\nFROM d", "write"),
    ("\ufeffDELETE FROM kept", "write"),
    ("SELECT '\0'; DELETE FROM kept", "sql"),
    ("\uff33ELECT 1", "sql"),
    ("SELECT '\udcff'", "sql"),
    ("SELECT 1 -- \u202e\n; DROP TABLE kept", "sql"),
    ("", "sql"),
    (" ;; ", "sql"),
    ("-- nothing", "sql"),
    ("SELECT $1", "sql"),
    ("SELECT current_setting('temp_directory')", "forbidden"),
    ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "sql"),
    ("SELECT " + "1 + " * 900 + "1", "sql"),
]

QUERIES = [
    "SELECT 1",
    "SELECT 1;",
    "-- why\nSELECT 1 /* here */ ;",
    "FROM kept",
    "FROM kept SELECT name LIMIT 1",
    "TABLE kept",
    "VALUES (1), (2)",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "WITH a AS (SELECT 1 AS i), b AS MATERIALIZED (FROM a) FROM b",
    "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5) FROM r",
    "SELECT name, count(*) FROM kept GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM kept, unnest([1, 2]) AS u(n), range(3), generate_series(1, 2)",
    "SELECT * FROM json_each('{\"a\": 1}')",
    "SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1, 2]]",
    "SELECT 'DELETE FROM kept' AS \"drop\", id AS update FROM kept",
    "FROM above(1)",
    "DESCRIBE kept",
    "DESCRIBE SELECT * FROM names",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SUMMARIZE kept",
    "PIVOT kept ON name IN ('one', 'two') USING count(*)",
    "UNPIVOT kept ON id INTO NAME n VALUE v",
    "EXPLAIN SELECT * FROM kept",
    "EXPLAIN ANALYZE SELECT * FROM kept",
    "EXPLAIN (FORMAT json) SELECT * FROM kept",
    "EXPLAIN (SELECT 1)",
    "SELECT column_name FROM duckdb_columns() WHERE table_name = 'kept'",
    "SELECT table_name FROM information_schema.tables",
    "FROM kept TABLESAMPLE 100%",
    "SELECT " + "1 + " * 200 + "1",
    "SELECT id FROM kept QUALIFY row_number() OVER (ORDER BY id) = 1",
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path_factory.mktemp("guard")) as connection:
        yield connection


@pytest.mark.parametrize(("sql", "kind"), ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(
    sql: str, kind: str, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before = everything(database), sorted(tmp_path.iterdir())
    with pytest.raises(QueryError) as refused:
        run_query(database, sql.replace("{folder}", str(tmp_path)), LIMITS)
    assert refused.value.kind == kind
    assert (everything(database), sorted(tmp_path.iterdir())) == before


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_that_reads_is_answered(sql: str, database: duckdb.DuckDBPyConnection) -> None:
    assert run_query(database, sql, LIMITS).rows > 0


def test_a_refused_function_is_shown_in_the_text(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError) as refused:
        run_query(database, "SELECT 'é',\n  (SELECT 1 FROM glob('*'))", LIMITS)
    assert (refused.value.line, refused.value.column) == (2, 18)


def test_a_pivot_without_values_says_how_to_name_them(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match=r"PIVOT t ON c IN \('a', 'b'\)"):
        run_query(database, "PIVOT kept ON name USING count(*)", LIMITS)


def test_files_stay_closed_when_only_the_engine_stands_guard(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(query, "check", lambda *_: None)
    (tmp_path / "a.csv").write_text("x\n1\n")
    for sql in (
        f"FROM read_csv('{tmp_path}/a.csv')",
        f"FROM '{tmp_path}/a.csv'",
        f"FROM read_text('{tmp_path}/a.csv')",
        f"FROM glob('{tmp_path}/*')",
        f"COPY kept TO '{tmp_path}/b.csv'",
        f"WITH d AS (COPY kept TO '{tmp_path}/b.csv') SELECT 1",
        f"ATTACH '{tmp_path}/b.duckdb'",
        "SET threads = 1",
        "INSTALL httpfs",
    ):
        with pytest.raises(QueryError):
            run_query(database, sql, LIMITS)
    assert not list(tmp_path.glob("b.*"))


_TARGETS = st.sampled_from(["kept", "main.kept", "small.main.kept", '"kept"', "KEPT"])
_WRITES = st.sampled_from(
    [
        "DELETE FROM {t} RETURNING id",
        "DELETE FROM {t} WHERE id > 1 RETURNING *",
        "DELETE FROM {t}",
        "INSERT INTO {t} VALUES (7, 'seven') RETURNING id",
        "INSERT INTO {t} SELECT * FROM {t} RETURNING id",
        "INSERT OR REPLACE INTO {t} VALUES (1, 'x') RETURNING id",
        "UPDATE {t} SET name = 'gone' RETURNING id",
        "MERGE INTO {t} USING names n ON false WHEN NOT MATCHED THEN INSERT VALUES (9, 'x') "
        "RETURNING id",
        "MERGE INTO {t} USING {t} AS s ON s.id = kept.id WHEN MATCHED THEN DELETE RETURNING id",
        "TRUNCATE {t}",
        "CREATE TABLE made AS FROM {t}",
        "DROP TABLE {t}",
        "SET VARIABLE hit = 1",
        "ATTACH ':memory:' AS hit",
    ]
)
_WRAPPINGS = st.sampled_from(
    [
        "WITH d AS ({w}) SELECT * FROM d",
        "WITH d AS MATERIALIZED ({w}) FROM d",
        "WITH a AS (SELECT 1 AS id), d AS ({w}), b AS (FROM a) FROM b",
        "WITH d AS (WITH e AS ({w}) FROM e) FROM d",
        "WITH RECURSIVE d AS ({w}) FROM d",
        "SELECT * FROM (WITH d AS ({w}) FROM d)",
        "SELECT (WITH d AS ({w}) SELECT count(*) FROM d)",
        "SELECT 1 WHERE EXISTS (WITH d AS ({w}) FROM d)",
        "SELECT 1 ORDER BY (WITH d AS ({w}) SELECT count(*) FROM d)",
        "SELECT list_transform([1], lambda x: (WITH d AS ({w}) SELECT count(*) FROM d))",
        "FROM kept, LATERAL (WITH d AS ({w}) FROM d)",
        "(SELECT 1) UNION ALL (WITH d AS ({w}) SELECT id FROM d)",
        "VALUES ((WITH d AS ({w}) SELECT count(*) FROM d))",
        "PIVOT (WITH d AS ({w}) FROM d) ON id IN (1, 2) USING count(*)",
        "DESCRIBE (WITH d AS ({w}) FROM d)",
        "SUMMARIZE (WITH d AS ({w}) FROM d)",
        "EXPLAIN ANALYZE WITH d AS ({w}) FROM d",
        "EXPLAIN (ANALYZE, FORMAT json) WITH d AS ({w}) FROM d",
        "SELECT 1; {w}",
        "{w}; SELECT 1",
        "{w}",
        "({w})",
        "SELECT * FROM ({w})",
        "EXPLAIN ANALYZE {w}",
    ]
)
_GAPS = st.sampled_from([" ", "\n", "\t", " /* ; */ ", " -- ;\n", "\r\n", "\u00a0"])


@given(write=_WRITES, target=_TARGETS, wrapping=_WRAPPINGS, gap=_GAPS, upper=st.booleans())
@settings(max_examples=100)
def test_a_write_hidden_in_a_query_never_changes_the_data(
    database: duckdb.DuckDBPyConnection,
    write: str,
    target: str,
    wrapping: str,
    gap: str,
    upper: bool,
) -> None:
    sql = wrapping.replace("{w}", write.replace("{t}", target)).replace(" ", gap)
    before = everything(database)
    with pytest.raises(QueryError):
        run_query(database, sql.swapcase() if upper else sql, LIMITS)
    assert everything(database) == before


@given(write=_WRITES, wrapping=_WRAPPINGS.filter(lambda text: ";" not in text))
@settings(max_examples=50)
def test_the_transaction_alone_keeps_the_data_from_a_single_statement(
    database: duckdb.DuckDBPyConnection, write: str, wrapping: str
) -> None:
    before = everything(database)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(query, "check", lambda *_: None)
        with contextlib.suppress(QueryError):
            run_query(database, wrapping.replace("{w}", write.replace("{t}", "kept")), LIMITS)
    after = everything(database)
    for what in ("rows", "tables", "views", "sequences", "settings"):
        assert after[what] == before[what]

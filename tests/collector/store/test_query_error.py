"""What a failed query says, and where it points."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.store.query import QueryLimits, QueryResult, run_query
from spanscore.collector.store.query_error import QueryError
from tests.support.queries import small_database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_database(tmp_path_factory.mktemp("errors")) as connection:
        yield connection


def failure(database: duckdb.DuckDBPyConnection, sql: str) -> QueryError:
    with pytest.raises(QueryError) as failed:
        run_query(database, sql, QueryLimits(seconds=10))
    return failed.value


LONG = ", ".join(f"id AS a{n}" for n in range(80))

# The position of `nope` (or of what comes first) in each text is what must be found.
POSITIONS = [
    "SELECT nope FROM kept",
    "SELECT id, nope FROM kept",
    "SELECT id,\n  nope\nFROM kept",
    "SELECT id,\r\n  nope\r\nFROM kept",
    "\n\n   SELECT nope FROM kept",
    "-- a comment\nSELECT nope FROM kept",
    "/* é */ SELECT nope FROM kept",
    "SELECT 'e\u0301漢字😀', nope FROM kept",
    "SELECT\tnope FROM kept",
    "SELECT * FROM nope",
    "SELECT * FROM kept WHERE id IN (SELECT nope FROM kept)",
    "FROM kept SELECT id ORDER BY nope",
    "SELECT nope(id) FROM kept",
    "EXPLAIN SELECT nope FROM kept",
    "DESCRIBE SELECT nope FROM kept",
    "WITH a AS (SELECT nope FROM kept) FROM a",
    "SELECT id FROM kept UNION ALL\n" * 12 + "SELECT nope FROM kept",
    f"SELECT {LONG}, nope, {LONG} FROM kept",
    f"SELECT id,\n{LONG}, nope, {LONG} FROM kept",
    f"SELECT '漢字', {LONG}, nope FROM kept",
]


@pytest.mark.parametrize("sql", POSITIONS)
def test_an_unknown_name_is_pointed_at(sql: str, database: duckdb.DuckDBPyConnection) -> None:
    error = failure(database, sql)
    before = sql[: sql.index("nope")]
    assert error.kind == "sql"
    assert (error.line, error.column) == (
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
    )


@pytest.mark.parametrize(
    ("sql", "line", "column", "message"),
    [
        ("SELEC 1", 1, 1, 'syntax error at or near "SELEC"'),
        ("SELECT id +\nFROM kept", 2, 1, 'syntax error at or near "FROM"'),
        ("SELECT id\n FROM kept WHERE", 2, 12, "syntax error"),
        ("SELECT CAST('x' AS INT)", 1, 8, "Could not convert string 'x'"),
        ("SELECT CAST(name AS INT) FROM kept", 1, 8, "Could not convert string 'one'"),
        ("SELECT name + 1 FROM kept", 1, 13, "No function matches"),
    ],
)
def test_a_mistake_is_named_and_pointed_at(
    sql: str, line: int, column: int, message: str, database: duckdb.DuckDBPyConnection
) -> None:
    error = failure(database, sql)
    assert message in error.message
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize("sql", ["SELECT error('boom')", "EXPLAIN ANALYZE SELECT error('boom')"])
def test_a_failure_without_a_position_keeps_its_own_message(
    sql: str, database: duckdb.DuckDBPyConnection
) -> None:
    error = failure(database, sql)
    assert error.message == "Invalid Input Error: boom"
    assert (error.line, error.column, error.excerpt) == (None, None, None)


def test_the_line_is_shown_with_a_caret_below(database: duckdb.DuckDBPyConnection) -> None:
    assert str(failure(database, "SELECT id,\n\t'漢', nope\nFROM kept")) == (
        'Binder Error: Referenced column "nope" not found in FROM clause!\n'
        'Candidate bindings: "name"\n'
        "\n"
        "LINE 2:  '漢', nope\n"
        "               ^"
    )


def test_a_long_line_is_shown_around_the_position(database: duckdb.DuckDBPyConnection) -> None:
    error = failure(database, f"SELECT {LONG}, nope, {LONG} FROM kept")
    text, caret = str(error.excerpt).split("\n")
    assert len(text) < 120
    assert text.startswith("...")
    assert text.endswith("...")
    assert text[len(caret) - 1 :].startswith("nope")


def test_of_many_candidate_functions_a_few_are_named(database: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT name + 1 FROM kept"
    with pytest.raises(duckdb.BinderException) as unshortened:
        database.cursor().execute(sql)
    # How many there are is the engine's matter: 2.0.1 has eight more than 2.0.0.
    candidates = str(unshortened.value).count('\n\t"+"(')
    message = failure(database, sql).message
    named = message.count('\n\t"+"(')
    assert 0 < named < 10
    assert f"(and {candidates - named} more)" in message


def test_an_error_survives_its_way_as_json(database: duckdb.DuckDBPyConnection) -> None:
    error = failure(database, "FROM glob('*')")
    again = QueryError.from_json(error.as_json())
    assert again.as_json() == error.as_json()
    assert str(again) == str(error)
    assert error.hint is not None


_WORDS = st.sampled_from(["SELECT", "FROM", "kept", "nope", "(", ")", "'", '"', ",", "1", "é"])
_GAPS = st.sampled_from([" ", "\n", "\r", "\r\n", "\t", "\u2028", "--", "/*", ";", "\x0b"])


@given(
    text=st.text(max_size=60)
    | st.lists(_WORDS | _GAPS, max_size=30).map("".join)
    | st.lists(_WORDS | _GAPS, max_size=30).map("".join).map("SELECT nope FROM kept".__add__)
)
@settings(max_examples=200)
def test_any_text_is_answered_or_refused_with_a_reason(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    outcome: QueryResult | QueryError
    try:
        outcome = run_query(database, text, QueryLimits(seconds=10))
    except QueryError as error:
        outcome = error
    assert isinstance(outcome, QueryResult) or outcome.message

"""A result as a table: it fits, it says what it leaves out, and it sends no control characters."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from spanscore.collector.store.query import QueryLimits, run_query
from spanscore.collector.table import SHOWN_ROWS, print_table


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def table(database: duckdb.DuckDBPyConnection, sql: str, rows: int = 1000) -> str:
    stream = io.StringIO()
    print_table(run_query(database, sql, QueryLimits(rows=rows)), stream)
    return stream.getvalue()


def test_a_result_is_shown_with_its_names_and_types(database: duckdb.DuckDBPyConnection) -> None:
    sql = "FROM (VALUES (1, 'one', MAP {'k': [1]}), (20, NULL, NULL)) AS t(id, name, m)"
    assert table(database, sql).splitlines() == [
        "+----+------+-----------+",
        "| id | name | m         |",
        "+----+------+-----------+",
        '|  1 | one  | {"k":[1]} |',
        "| 20 | NULL | NULL      |",
        "+----+------+-----------+",
        "2 rows",
    ]


def test_an_empty_result_shows_its_columns(database: duckdb.DuckDBPyConnection) -> None:
    shown = table(database, "SELECT 1 AS a, 2 AS bc WHERE false")
    assert "| a | bc |" in shown
    assert shown.endswith("0 rows\n")


def test_a_long_value_is_shortened(database: duckdb.DuckDBPyConnection) -> None:
    shown = table(database, "SELECT 7 AS id, repeat('x', 500) AS text, repeat('漢', 300) AS wide")
    assert "…" in shown
    assert all(cell_len(line) <= 60 for line in shown.splitlines())
    assert "|  7 |" in shown


def test_columns_that_do_not_fit_are_left_out_and_that_is_said(
    database: duckdb.DuckDBPyConnection,
) -> None:
    columns = ", ".join(f"'value number {n}' AS column{n}" for n in range(20))
    shown = table(database, f"SELECT {columns}")
    assert "column0" in shown
    assert "column19" not in shown
    assert "of 20 columns shown; --format csv or json gives all" in " ".join(shown.split())


def test_rows_beyond_the_first_are_left_out_and_that_is_said(
    database: duckdb.DuckDBPyConnection,
) -> None:
    shown = table(database, "SELECT range AS n FROM range(1234)", rows=2000)
    assert f"1,234 rows; the first {SHOWN_ROWS} rows shown" in shown
    assert f"| {SHOWN_ROWS - 1} |" in shown
    assert f"| {SHOWN_ROWS} |" not in shown


def test_markup_and_control_characters_are_shown_as_they_are(
    database: duckdb.DuckDBPyConnection,
) -> None:
    shown = table(database, "SELECT '[red]x[/red] :bug: ' || chr(27) || '[2J' || chr(10) AS v")
    assert "| [red]x[/red] :bug: \\x1b[2J\\n |" in shown


def test_only_a_terminal_gets_colours(database: duckdb.DuckDBPyConnection) -> None:
    assert "\x1b[" not in table(database, "SELECT NULL AS v")
    main, terminal = pty.openpty()
    with os.fdopen(main, "rb", buffering=0) as screen, os.fdopen(terminal, "w") as stream:
        print_table(run_query(database, "SELECT NULL AS v", QueryLimits()), stream)
        stream.flush()
        assert b"\x1b[" in screen.read(4096)


@given(
    width=st.integers(10, 300),
    cells=st.lists(st.text(max_size=80), min_size=1, max_size=12),
)
@settings(max_examples=60)
def test_any_result_fits_any_terminal(
    database: duckdb.DuckDBPyConnection, width: int, cells: list[str]
) -> None:
    literals = [cell.replace("'", "''").replace("\0", "") for cell in cells]
    sql = "SELECT " + ", ".join(f"'{text}' AS c{n}" for n, text in enumerate(literals))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", str(width))
        shown = table(database, sql)
    assert all(cell_len(line) <= width for line in shown.splitlines())

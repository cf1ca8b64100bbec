"""What docs/sql.md says of statements, limits, formats and errors is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from spanscore.collector.output import Format
from spanscore.collector.store.database import open_database
from spanscore.collector.store.query import QueryLimits, run_query
from spanscore.collector.store.query_error import Kind
from spanscore.collector.web.sql import STATUS

TEXT = (Path(__file__).parent.parent / "docs" / "sql.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def cells(title: str, column: int) -> list[str]:
    rows = [line.strip("|").split(" | ") for line in section(title).splitlines() if "|" in line]
    return [row[column].strip(" `") for row in rows[2:] if len(row) > column]


@pytest.mark.parametrize("sql", cells("What is allowed", 1))
def test_each_example_of_an_allowed_statement_runs(sql: str, tmp_path: Path) -> None:
    with open_database(tmp_path / "d.duckdb") as connection:
        assert run_query(connection, sql, QueryLimits()).schema.names


def test_each_kind_of_error_is_documented_with_its_status() -> None:
    kinds, statuses = cells("Errors", 0), cells("Errors", 1)
    documented = dict(zip(kinds, statuses, strict=True))
    documented.pop("request")
    assert documented == {kind: str(status) for kind, status in STATUS.items()}
    assert set(documented) == set(get_args(Kind))


def test_each_format_is_documented() -> None:
    described = section("Formats").split("A repeated column name")[0]
    assert set(re.findall(r"^\| `(\w+)`", described, re.M)) == set(get_args(Format))


def test_the_limits_are_those_of_the_code() -> None:
    limits = QueryLimits()
    text = section("Limits")
    assert f"| {limits.seconds:g} s (" in text
    assert f"| {limits.rows:,} (" in text
    assert f"| {limits.result_bytes >> 20} MiB |" in text
    assert f"| {limits.sql_bytes >> 10} KiB |" in text
    assert (
        f"| {limits.concurrent}, and 64 that wait for at most {limits.wait_seconds:g} s |" in text
    )

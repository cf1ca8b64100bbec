"""What Spark is told: every view in its dialect, with the same meaning."""

from __future__ import annotations

import pytest
import sqlglot

from spanscore.queries import catalog
from spanscore.queries.engines.spark import spark_path, statements, transform

STATEMENTS = dict(statements(catalog.builtin()))


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_view_of_a_lake_is_one_statement_of_spark(name: str) -> None:
    [again] = sqlglot.parse(STATEMENTS[name], dialect="spark")
    assert again is not None


def test_views_come_after_those_they_read_from() -> None:
    names = list(STATEMENTS)
    assert names.index("lake_spans") < names.index("spans")
    assert names.index("trace_ids") < names.index("trace") < names.index("spans")
    assert names.index("scores") < names.index("leaderboard")


@pytest.mark.parametrize(
    ("duckdb", "spark"),
    [
        ("SELECT a * 0.5 AS b FROM t", "SELECT a * CAST(0.5 AS DOUBLE) AS b FROM t"),
        ("SELECT quantile_cont(a, 0.5) AS b FROM t", "SELECT PERCENTILE(a, 0.5) AS b FROM t"),
        ("SELECT CAST(a * 1000 AS BIGINT) AS b FROM t",
         "SELECT CAST(RINT(a * 1000) AS BIGINT) AS b FROM t"),
        ("SELECT CAST(a AS BIGINT) AS b FROM t", "SELECT CAST(a AS BIGINT) AS b FROM t"),
        ("SELECT a // 3 AS b FROM t", "SELECT a DIV 3 AS b FROM t"),
        ("SELECT lead(a) OVER w - a AS b FROM t WINDOW w AS (PARTITION BY c)",
         "SELECT (LEAD(a) OVER w) - a AS b FROM t WINDOW w AS (PARTITION BY c)"),
    ],
)  # fmt: skip
def test_what_spark_would_compute_otherwise_is_said_otherwise(duckdb: str, spark: str) -> None:
    assert transform(duckdb) == spark


def test_files_are_named_as_hadoop_names_them() -> None:
    assert spark_path("s3://bucket/a.parquet") == "s3a://bucket/a.parquet"
    assert spark_path("/lake/a.parquet") == "file:///lake/a.parquet"

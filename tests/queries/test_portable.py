"""The SQL is one SQL: Spark's dialect has everything that the files use, in the same meaning."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from spanscore.queries import catalog
from spanscore.queries.view import View

SPARK_HAS = {"TIMESTAMP_MICROS"}
"""Functions of Spark that sqlglot writes and does not read."""

each_view = pytest.mark.parametrize("view", catalog.builtin(), ids=lambda view: view.name)


@each_view
def test_a_file_is_one_statement_that_spark_can_say(view: View) -> None:
    [spark] = sqlglot.transpile(
        view.select, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE
    )
    [again] = sqlglot.parse(spark, dialect="spark")
    assert again is not None
    unknown = {str(node.this).upper() for node in again.find_all(exp.Anonymous)}
    assert unknown <= SPARK_HAS, "functions that sqlglot does not know, and so cannot translate"


@each_view
def test_a_file_uses_nothing_that_is_silently_another_thing_elsewhere(view: View) -> None:
    root = sqlglot.parse_one(view.select, dialect="duckdb")
    assert not list(root.find_all(exp.Qualify, exp.WithinGroup))
    assert not [unnest for unnest in root.find_all(exp.Unnest) if unnest.find_ancestor(exp.Join)]
    assert "len(" not in view.select.lower(), "the length of a list is another function in Spark"
    for select in root.find_all(exp.Select):
        group = select.args.get("group")
        assert not (group and group.args.get("all")), "GROUP BY ALL"
        assert lateral_aliases(select) == set()


def lateral_aliases(select: exp.Select) -> set[str]:
    """Names that the SELECT gives to one expression and uses in another, or in its WHERE."""
    given = {item.alias: item for item in select.expressions if isinstance(item, exp.Alias)}
    parts = [*select.expressions, *filter(None, [select.args.get("where")])]
    used = {
        column.name
        for part in parts
        for column in part.find_all(exp.Column)
        if not column.table and column.find_ancestor(exp.Select) is select
    }
    return {
        name
        for name in used & given.keys()
        if name not in {column.name for column in given[name].find_all(exp.Column)}
    }


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT a + 1 AS b, b + 1 AS c FROM t", {"b"}),
        ("SELECT a + 1 AS b FROM t WHERE b > 1", {"b"}),
        ("SELECT coalesce(a, 0) AS a, a + 1 AS b FROM t", set()),
        ("SELECT t.b AS c, t.c AS d FROM t", set()),
    ],
)
def test_lateral_aliases_are_found(sql: str, found: set[str]) -> None:
    assert lateral_aliases(sqlglot.parse_one(sql, dialect="duckdb").assert_is(exp.Select)) == found

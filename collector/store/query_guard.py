"""Which statements may run: one, and one that only reads, by the engine's own syntax tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from .query_error import FORBIDDEN_HINT, QueryError, error_after, from_engine

# Every node of a query that only reads. The engine can hide a write below any of them
# (WITH d AS (DELETE ... RETURNING ...) SELECT is a SELECT to it), so whatever is not listed is
# refused: DELETE_QUERY_NODE, COPY_QUERY_NODE and what a later version may add.
_READING_NODES = frozenset(
    [
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "RECURSIVE_CTE_NODE",
        "CTE_NODE",
    ]
)
# Table functions that only compute or describe the catalog. Those which read files, settings or
# secrets, run SQL given as text, or act (checkpoint, enable_logging, ...) are not among them.
_TABLE_FUNCTIONS = frozenset(
    [
        *("unnest", "range", "generate_series", "repeat", "repeat_row", "summary"),
        *("histogram", "histogram_values", "json_each", "json_tree", "pg_timezone_names"),
        *("pragma_table_info", "pragma_show", "pragma_version", "pragma_storage_info"),
        *("duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_indexes"),
        *("duckdb_keywords", "duckdb_schemas", "duckdb_sequences", "duckdb_tables"),
        *("duckdb_types", "duckdb_views", "test_all_types"),
    ]
)
_REFUSED_FUNCTIONS = frozenset(["write_log", "nextval", "setval", "current_setting"])
_EXPLAIN = re.compile(r"explain\b\s*(?:analy[sz]e\b\s*)?", re.IGNORECASE)
_OPTIONS = re.compile(r"\([^()]*\)\s*")
_READ_ONLY_HINT = (
    "Only queries that read are allowed: SELECT, WITH, VALUES, FROM, DESCRIBE, SUMMARIZE, "
    "SHOW TABLES, PIVOT ... ON c IN (...), EXPLAIN."
)


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise QueryError unless `sql` is one statement that only reads. Executes nothing of it."""
    statement = _only_statement(connection, sql)
    kind = statement.type.name
    if kind == "MULTI":
        raise QueryError(
            "write",
            "PIVOT without a list of values needs more than one statement",
            hint="Name the values that become columns: PIVOT t ON c IN ('a', 'b') USING ...",
        )
    if kind not in ("SELECT", "EXPLAIN"):
        raise QueryError("write", f"{kind} is not a query", hint=_READ_ONLY_HINT)
    candidates = [sql] if kind == "SELECT" else _explained(statement.query)
    for query in candidates:
        tree = _tree(connection, query)
        if tree is not None:
            return _check_tree(connection, tree, query, sql)
    raise QueryError("write", "this statement is not a plain query", hint=_READ_ONLY_HINT)


def _only_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise from_engine("sql", str(error), sql) from error
    if not statements:
        raise QueryError("sql", "the query is empty", hint="For example: SELECT * FROM spans")
    if len(statements) > 1:
        raise QueryError(
            "sql",
            f"{len(statements)} statements in one request",
            hint="Send one statement a request.",
        )
    return statements[0]


def _tree(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any] | None:
    """The engine's syntax tree of a SELECT; None for whatever it does not hold to be one."""
    rows = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    try:
        tree: dict[str, Any] = json.loads(rows[0][0])
    except RecursionError as error:
        raise QueryError("sql", "the query is nested too deeply") from error
    return None if tree["error"] or len(tree["statements"]) != 1 else tree


def _explained(query: str) -> list[str]:
    """What EXPLAIN [ANALYZE] [(options)] may be explaining, to be tried in this order."""
    prefix = _EXPLAIN.match(query)
    rest = query[prefix.end() :] if prefix else ""
    options = _OPTIONS.match(rest)
    return [rest, rest[options.end() :]] if options else [rest]


def _check_tree(
    connection: duckdb.DuckDBPyConnection, tree: dict[str, Any], query: str, sql: str
) -> None:
    allowed = _TABLE_FUNCTIONS
    for node in _nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READING_NODES:
            verb = kind.removesuffix("_NODE").removesuffix("_QUERY")
            raise QueryError("write", f"the query contains {verb}", hint=_READ_ONLY_HINT)
        if kind == "TABLE_FUNCTION":
            name = node["function"]["function_name"].lower()
            if name not in allowed:
                allowed = _TABLE_FUNCTIONS | _own_macros(connection)
            if name not in allowed:
                raise _refused_function(name, node, query, sql)
        elif str(node.get("function_name", "")).lower() in _REFUSED_FUNCTIONS:
            raise _refused_function(node["function_name"], node, query, sql)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree. Iterative: the tree may be deeper than Python's stack."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _own_macros(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Table macros of the schema itself: who wrote them could write anything."""
    rows = connection.execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def _refused_function(name: str, node: dict[str, Any], query: str, sql: str) -> QueryError:
    """`query` is the part of `sql` that the node's location, in bytes of UTF-8, counts from."""
    message = f"the function {name} may not be called here"
    location, encoded = node["query_location"], query.encode()
    if query not in sql or location >= len(encoded):
        return QueryError("forbidden", message, hint=FORBIDDEN_HINT)
    before = sql[: sql.index(query)] + encoded[:location].decode(errors="replace")
    return error_after("forbidden", message, sql, before, FORBIDDEN_HINT)

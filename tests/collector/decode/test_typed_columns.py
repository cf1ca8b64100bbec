"""Which attribute values fill a typed column."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from spanscore.collector.decode.typed_columns import typed_columns
from spanscore.collector.signals import Signal

from .tables import RECORD_TABLES, Tables, decode_messages

_BIGINT = "gen_ai.usage.input_tokens"
_DOUBLE = "duration_ms"
_VARCHAR = "error.type"
_COLUMNS = {column.key: column for column in typed_columns("span")}


def _rows(*spans: list[KeyValue]) -> list[dict[str, Any]]:
    request: Any = Signal.TRACES.request_type()
    parts = request.resource_spans.add().scope_spans.add().spans
    for attributes in spans:
        parts.add(attributes=attributes)
    rows: list[dict[str, Any]] = decode_messages(Signal.TRACES, request).records.to_pylist()
    return rows


def _filled(key: str, **value: Any) -> Any:
    [row] = _rows([KeyValue(key=key, value=AnyValue(**value))])
    return row[_COLUMNS[key].column]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"int_value": 2100}, 2100),
        ({"int_value": -(2**63)}, -(2**63)),
        ({"string_value": "2100"}, 2100),
        ({"string_value": "-7"}, -7),
        ({"string_value": "+7"}, 7),
        ({"string_value": "2.1e3"}, 2100),
        ({"string_value": "9223372036854775807"}, 2**63 - 1),
        ({"double_value": 2100.0}, 2100),
        ({"double_value": 1e18}, 10**18),
        ({"string_value": "9223372036854775808"}, None),
        ({"string_value": "-99999999999999999999"}, None),
        ({"double_value": 1e300}, None),
        ({"double_value": 0.5}, None),
        ({"string_value": "0.5"}, None),
        ({"string_value": "1e400"}, None),
        ({"string_value": "9" * 5000}, None),
        ({"string_value": "abc"}, None),
        ({"string_value": ""}, None),
        ({"string_value": "1_000"}, None),
        ({"string_value": "٣"}, None),
        ({"string_value": "7\n"}, None),
        ({"bool_value": True}, None),
        ({"array_value": ArrayValue(values=[AnyValue(int_value=7)])}, None),
        ({"bytes_value": b"7"}, None),
        ({}, None),
    ],
)
def test_a_bigint_column_holds_whole_numbers_of_any_type_else_null(
    value: dict[str, Any], number: int | None
) -> None:
    assert _filled(_BIGINT, **value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"double_value": 0.5}, 0.5),
        ({"int_value": 3}, 3.0),
        ({"string_value": "12.25"}, 12.25),
        ({"string_value": ".5"}, 0.5),
        ({"string_value": "1e400"}, None),
        ({"double_value": float("nan")}, None),
        ({"double_value": float("-inf")}, None),
        ({"string_value": "nan"}, None),
        ({"string_value": "12 ms"}, None),
    ],
)
def test_a_double_column_holds_finite_numbers_of_any_type_else_null(
    value: dict[str, Any], number: float | None
) -> None:
    assert _filled(_DOUBLE, **value) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"string_value": "timeout"}, "timeout"),
        ({"string_value": ""}, ""),
        ({"int_value": 429}, "429"),
        ({"bool_value": True}, "true"),
        ({}, None),
    ],
)
def test_a_varchar_column_holds_the_text_of_the_attribute(
    value: dict[str, Any], text: str | None
) -> None:
    assert _filled(_VARCHAR, **value) == text


def test_values_of_mixed_types_reach_the_rows_they_belong_to() -> None:
    def tokens(**value: Any) -> KeyValue:
        return KeyValue(key=_BIGINT, value=AnyValue(**value))

    other = KeyValue(key="other", value=AnyValue(int_value=9))
    rows = _rows([other, tokens(int_value=1)], [other], [tokens(string_value="x"), other], [])
    rows += _rows([tokens(string_value="2")], [tokens(string_value="x")], [tokens(int_value=3)])
    column = _COLUMNS[_BIGINT].column
    assert [row[column] for row in rows] == [1, None, None, None, 2, None, 3]


def test_of_two_equal_keys_the_first_fills_the_column() -> None:
    pair = [KeyValue(key=_BIGINT, value=AnyValue(int_value=number)) for number in (1, 2)]
    assert [row[_COLUMNS[_BIGINT].column] for row in _rows(pair, pair[1:])] == [1, 2]


@pytest.mark.parametrize("signal", Signal)
def test_the_base_table_has_each_typed_column_with_the_type_of_the_list(signal: Signal) -> None:
    table = RECORD_TABLES[signal]
    described = Tables().connection.execute(f"DESCRIBE {table}").fetchall()
    types = {name: column_type for name, column_type, *_ in described}
    assert typed_columns(table)
    for column in typed_columns(table):
        assert types[column.column] == column.type

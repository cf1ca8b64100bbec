"""What an attribute looks like in the table: its text, its type, and when its bytes are kept."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanscore.collector.signals import Signal

from .tables import Row, decode_messages

_UNSET = AnyValue()


def _text(text: str) -> AnyValue:
    return AnyValue(string_value=text)


def _array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def _kvlist(*pairs: tuple[str, AnyValue]) -> AnyValue:
    values = [KeyValue(key=key, value=value) for key, value in pairs]
    return AnyValue(kvlist_value=KeyValueList(values=values))


def _row(*attributes: KeyValue) -> Row:
    """The row of a span with these attributes."""
    request: Any = Signal.TRACES.request_type()
    request.resource_spans.add().scope_spans.add().spans.append(Span(attributes=attributes))
    row: Row = decode_messages(Signal.TRACES, request).records.to_pylist()[0]
    return row


def _stored(value: AnyValue) -> tuple[str | None, str]:
    row = _row(KeyValue(key="key", value=value))
    [(key, text)] = row["attributes"]
    assert key == "key"
    return text, row["attribute_types"]


@pytest.mark.parametrize(
    ("value", "text", "letter"),
    [
        (_text("as it is"), "as it is", "s"),
        (_text(""), "", "s"),
        (_text("é\0\n"), "é\0\n", "s"),
        (AnyValue(int_value=-(2**63)), "-9223372036854775808", "i"),
        (AnyValue(int_value=0), "0", "i"),
        (AnyValue(double_value=1.0), "1.0", "d"),
        (AnyValue(double_value=-0.0), "-0.0", "d"),
        (AnyValue(double_value=0.1), "0.1", "d"),
        (AnyValue(double_value=1e300), "1e+300", "d"),
        (AnyValue(double_value=5e-324), "5e-324", "d"),
        (AnyValue(double_value=math.inf), "inf", "d"),
        (AnyValue(double_value=-math.inf), "-inf", "d"),
        (AnyValue(double_value=math.nan), "nan", "d"),
        (AnyValue(bool_value=True), "true", "b"),
        (AnyValue(bool_value=False), "false", "b"),
        (AnyValue(bytes_value=b""), "", "y"),
        (AnyValue(bytes_value=b"\xff\0"), "/wA=", "y"),
        (_array(), "[]", "a"),
        (_array(_text("a"), AnyValue(int_value=1), _array()), '["a",1,[]]', "a"),
        (_array(AnyValue(double_value=2.0)), "[2.0]", "a"),
        (_kvlist(), "{}", "m"),
        (_kvlist(("b", AnyValue(bool_value=True)), ("a", _text("é"))), '{"b":true,"a":"é"}', "m"),
        (_UNSET, None, "n"),
    ],
)
def test_a_value_is_stored_as_plain_text_with_its_type(
    value: AnyValue, text: str | None, letter: str
) -> None:
    assert _stored(value) == (text, letter)


def test_a_key_without_a_value_is_null_of_type_dash() -> None:
    row = _row(KeyValue(key="key"))
    assert (row["attributes"], row["attribute_types"]) == ([("key", None)], "-")


def test_attributes_keep_their_order_on_the_wire() -> None:
    row = _row(*(KeyValue(key=key, value=_text(key)) for key in "zax"))
    assert [key for key, _ in row["attributes"]] == ["z", "a", "x"]


def test_no_attributes_are_an_empty_map_and_not_null() -> None:
    row = _row()
    assert (row["attributes"], row["attribute_types"], row["attributes_raw"]) == ([], "", None)


@given(st.floats(allow_nan=False))
def test_the_text_of_a_double_reads_back_as_the_same_double(number: float) -> None:
    text, _ = _stored(AnyValue(double_value=number))
    assert struct.pack("<d", float(text or "")) == struct.pack("<d", number)


@pytest.mark.parametrize(
    "value",
    [
        AnyValue(double_value=math.nan),
        AnyValue(bytes_value=b"\xff"),
        _UNSET,
        _array(_UNSET),
        _array(AnyValue(double_value=1.0), _kvlist(("k", AnyValue(bool_value=False)))),
    ],
)
def test_the_exact_bytes_are_not_kept_where_text_and_type_say_it_all(value: AnyValue) -> None:
    assert _row(KeyValue(key="key", value=value))["attributes_raw"] is None


@pytest.mark.parametrize(
    ("value", "json_text"),
    [
        (_array(AnyValue(bytes_value=b"\xff")), '["/w=="]'),
        (_array(AnyValue(double_value=math.nan)), "[null]"),
        (_array(AnyValue(double_value=math.inf)), "[null]"),
        (_kvlist(("k", _text("first")), ("k", _text("second"))), '{"k":"first"}'),
        (AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k")])), '{"k":null}'),
        (AnyValue(string_value_strindex=3), None),
    ],
)
def test_the_exact_bytes_are_kept_where_plain_json_loses_something(
    value: AnyValue, json_text: str | None
) -> None:
    attribute = KeyValue(key="key", value=value)
    row = _row(attribute)
    assert row["attributes"] == [("key", json_text)]
    assert row["attributes_raw"] == KeyValueList(values=[attribute]).SerializeToString()


def test_of_two_equal_keys_the_map_keeps_the_first_and_the_bytes_keep_both() -> None:
    attributes = [
        KeyValue(key="thread.id", value=AnyValue(int_value=3)),
        KeyValue(key="other", value=_text("between")),
        KeyValue(key="thread.id", value=_text("01a20629")),
    ]
    row = _row(*attributes)
    assert row["attributes"] == [("thread.id", "3"), ("other", "between")]
    assert row["attribute_types"] == "is"
    assert list(KeyValueList.FromString(row["attributes_raw"]).values) == attributes


def test_ten_thousand_equal_keys_are_one_key_in_the_map_and_all_in_the_bytes() -> None:
    attributes = [KeyValue(key="k", value=AnyValue(int_value=n)) for n in range(10_000)]
    row = _row(*attributes)
    assert row["attributes"] == [("k", "0")]
    assert list(KeyValueList.FromString(row["attributes_raw"]).values) == attributes


def test_the_same_key_in_two_spans_is_not_a_duplicate() -> None:
    request: Any = Signal.TRACES.request_type()
    spans = request.resource_spans.add().scope_spans.add().spans
    for text in ("one", "two"):
        spans.add(attributes=[KeyValue(key="key", value=_text(text))])
    rows = decode_messages(Signal.TRACES, request).records.to_pylist()
    assert [row["attributes"] for row in rows] == [[("key", "one")], [("key", "two")]]
    assert [row["attributes_raw"] for row in rows] == [None, None]


def test_a_key_from_a_string_table_keeps_the_exact_bytes() -> None:
    attribute = KeyValue(key_strindex=7, value=_text("text"))
    row = _row(attribute)
    assert row["attributes"] == [("", "text")]
    assert row["attributes_raw"] == KeyValueList(values=[attribute]).SerializeToString()


def test_a_hundred_thousand_attributes_of_one_span_are_all_stored() -> None:
    row = _row(*(KeyValue(key=f"key.{n}", value=AnyValue(int_value=n)) for n in range(100_000)))
    assert row["attributes"] == [(f"key.{n}", str(n)) for n in range(100_000)]
    assert row["attribute_types"] == "i" * 100_000


def test_a_long_string_is_stored_whole() -> None:
    assert _stored(_text("é" * 25_000)) == ("é" * 25_000, "s")


def test_a_value_nested_as_deep_as_protobuf_allows_is_stored_as_json() -> None:
    value = _text("core")
    for _ in range(45):
        value = _array(value)
    text, letter = _stored(value)
    assert letter == "a"
    nested = json.loads(text or "")
    while isinstance(nested, list):
        [nested] = nested
    assert nested == "core"

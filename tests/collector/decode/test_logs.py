"""What a log record looks like in the table."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanscore.collector.signals import Signal

from .tables import Row, decode_messages

_BYTES_INSIDE = ArrayValue(values=[AnyValue(bytes_value=b"\0")])
_PAIR = KeyValueList(values=[KeyValue(key="k", value=AnyValue(int_value=1))])


def _row(**fields: Any) -> Row:
    request: Any = Signal.LOGS.request_type()
    request.resource_logs.add().scope_logs.add().log_records.append(LogRecord(**fields))
    [row] = decode_messages(Signal.LOGS, request).records.to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("body", "text", "letter"),
    [
        (AnyValue(string_value="plain"), "plain", "s"),
        (AnyValue(string_value=""), "", "s"),
        (AnyValue(int_value=-1), "-1", "i"),
        (AnyValue(double_value=2.0), "2.0", "d"),
        (AnyValue(bool_value=False), "false", "b"),
        (AnyValue(bytes_value=b"\xff"), "/w==", "y"),
        (AnyValue(array_value=ArrayValue()), "[]", "a"),
        (AnyValue(kvlist_value=_PAIR), '{"k":1}', "m"),
        (AnyValue(), None, "n"),
        (None, None, None),
    ],
)
def test_a_body_is_stored_like_an_attribute_value_with_its_type(
    body: AnyValue | None, text: str | None, letter: str | None
) -> None:
    row = _row(body=body)
    assert (row["body"], row["body_type"], row["body_raw"]) == (text, letter, None)


def test_the_exact_bytes_of_a_body_are_kept_where_plain_json_loses_something() -> None:
    body = AnyValue(array_value=_BYTES_INSIDE)
    row = _row(body=body)
    assert (row["body"], row["body_type"]) == ('["AA=="]', "a")
    assert row["body_raw"] == body.SerializeToString()


def test_what_is_absent_is_null_and_not_empty() -> None:
    row = _row()
    for column in ("severity_text", "event_name", "trace_id", "span_id"):
        assert row[column] is None


def test_the_event_name_and_an_attribute_of_that_name_are_kept_apart() -> None:
    attribute = KeyValue(key="event.name", value=AnyValue(string_value="attribute"))
    row = _row(event_name="field", attributes=[attribute])
    assert (row["event_name"], row["attribute_event_name"]) == ("field", "attribute")


def test_times_severities_and_ids_are_kept_as_they_came() -> None:
    row = _row(
        time_unix_nano=2**64 - 1, severity_number=99, trace_id=b"\xab\xcd\xef", flags=2**32 - 1
    )
    assert (row["time_ns"], row["observed_ns"], row["severity_number"]) == (-1, 0, 99)
    assert (row["trace_id"], row["flags"]) == ("abcdef", 2**32 - 1)

"""Many requests become one batch, and one that is no request spoils none but itself."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanscore.collector.decode.batch import SCHEMAS, decode
from spanscore.collector.decode.errors import DecodeError
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .tables import decode_messages

_STRING_THEN_INT = AnyValue(string_value="x").SerializeToString() + b"\x18\x05"


def _traces(*names: str) -> Any:
    request: Any = Signal.TRACES.request_type()
    spans = request.resource_spans.add().scope_spans.add().spans
    for name in names:
        spans.add(name=name)
    return request


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited field on the wire (below 128 bytes)."""
    return bytes([number << 3 | 2, len(body)]) + body


def _request(body: bytes, signal: Signal = Signal.TRACES) -> Request:
    return Request(signal, "open", 1, body)


def test_each_record_carries_the_origin_and_the_arrival_of_its_request() -> None:
    messages = [_traces("a", "b"), _traces(), _traces("c")]
    requests = [
        Request(Signal.TRACES, origin, received_ns, message.SerializeToString())
        for message, origin, received_ns in zip(
            messages, ["agent", "open", "harness"], [7, 8, 9], strict=True
        )
    ]
    records = decode(Signal.TRACES, requests).records
    assert records.select(["name", "origin", "received_ns"]).to_pylist() == [
        {"name": "a", "origin": "agent", "received_ns": 7},
        {"name": "b", "origin": "agent", "received_ns": 7},
        {"name": "c", "origin": "harness", "received_ns": 9},
    ]


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("count", [0, 1, 9])
def test_requests_without_records_are_an_empty_batch_with_all_columns(
    signal: Signal, count: int
) -> None:
    batch = decode(signal, [_request(b"", signal)] * count)
    assert batch.records.schema.equals(SCHEMAS[signal])
    assert (batch.records.num_rows, batch.resources.num_rows, batch.scopes.num_rows) == (0, 0, 0)


def test_a_large_batch_decoded_in_parts_is_the_same_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [_traces("a"), _traces("b", "c"), _traces("d")]
    whole = decode_messages(Signal.TRACES, *messages)
    monkeypatch.setattr("spanscore.collector.decode.batch._PART_BYTES", 1)
    parts = decode_messages(Signal.TRACES, *messages)
    assert parts.records.to_pylist() == whole.records.to_pylist()
    assert parts.resources.to_pylist() == whole.resources.to_pylist()


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"abc",
        b"\x0a\x05ab",
        b"\x0a\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01" + bytes(20),
        _traces("cut short").SerializeToString()[:-1],
        _field(1, _field(3, b"\xff")),
        _field(1, _field(1, b"\xff") + _field(2, _field(2, b""))),
        _field(1, _field(2, _field(2, _field(5, b"\xc3\x28")))),
        _field(1, _field(2, _field(2, _field(9, _field(2, _field(5, b"\xff")))))),
    ],
    ids=[
        *("open varint", "text", "short field", "overflowing length", "truncated"),
        *("schema not UTF-8", "broken resource", "name not UTF-8", "broken array"),
    ],
)
def test_bytes_that_are_no_such_message_are_an_error_that_names_the_request(body: bytes) -> None:
    good = _request(_traces("good").SerializeToString())
    with pytest.raises(DecodeError, match=r"^request 5: ") as raised:
        decode(Signal.TRACES, [*[good] * 5, _request(body), good])
    assert raised.value.index == 5


@given(st.binary(max_size=200))
def test_random_bytes_are_decoded_or_refused_with_the_one_error(body: bytes) -> None:
    for signal in Signal:
        with suppress(DecodeError):
            decode(signal, [_request(body, signal)])


def test_fields_of_a_newer_protocol_are_passed_over() -> None:
    body = _traces("known").SerializeToString() + _field(15, b"unknown")
    assert decode(Signal.TRACES, [_request(body)]).records["name"].to_pylist() == ["known"]


def test_what_only_protobufs_own_parser_takes_is_decoded_all_the_same() -> None:
    unknown_group_with_field_zero = b"\x83\x01\x00\x00\x84\x01"
    for broken in (_field(2, _field(2, unknown_group_with_field_zero)), b""):
        body = _field(1, _field(1, unknown_group_with_field_zero) + broken)
        body += _traces("known").SerializeToString()
        Signal.TRACES.request_type.FromString(body)
        names = decode(Signal.TRACES, [_request(body)]).records["name"].to_pylist()
        assert names[-1] == "known"


def test_of_a_oneof_that_is_set_twice_on_the_wire_the_last_counts() -> None:
    pair = _field(1, b"key") + _field(2, _STRING_THEN_INT)
    span = _field(9, pair)
    resource = _field(1, _field(1, pair))
    batch = decode(Signal.TRACES, [_request(_field(1, _field(2, _field(2, span))))])
    assert batch.records["attributes"].to_pylist() == [[("key", "5")]]
    assert batch.records["attribute_types"].to_pylist() == ["i"]
    body = _field(1, resource + _field(2, _field(2, b"")))
    batch = decode(Signal.TRACES, [_request(body)])
    assert batch.resources["attributes"].to_pylist() == [[("key", "5")]]


def test_a_point_with_two_values_on_the_wire_keeps_the_last() -> None:
    point = b"\x21" + bytes(8) + b"\x31" + (3).to_bytes(8, "little")
    body = _field(1, _field(2, _field(2, _field(5, _field(1, point)))))
    [row] = decode(Signal.METRICS, [_request(body, Signal.METRICS)]).records.to_pylist()
    assert (row["value_double"], row["value_int"]) == (None, 3)

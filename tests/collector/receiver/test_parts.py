"""How many parts a request has is known before it is parsed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.receiver.parts import check_json, check_protobuf
from spanscore.collector.receiver.status import Kind, Refusal
from spanscore.collector.signals import Signal
from tests.support.otlp_messages import requests
from tests.support.wire import field, nested_value, record, records

# A thousand parts of every kind, beside those that lead to them.
BOMBS = {
    "spans": (Signal.TRACES, records(field(2, b"") * 1000)),
    "attributes": (Signal.TRACES, record(field(9, b"") * 1000)),
    "events": (Signal.TRACES, record(field(11, b"") * 1000)),
    "resources": (Signal.LOGS, field(1, b"") * 1000),
    "log records": (Signal.LOGS, records(field(2, b"") * 1000)),
    "values": (Signal.LOGS, record(field(5, field(5, field(1, b"") * 1000)))),
    "metrics": (Signal.METRICS, records(field(2, b"") * 1000)),
    "points": (Signal.METRICS, record(field(7, field(1, b"") * 1000))),
    "behind a group": (
        Signal.TRACES,
        b"\x7b" + field(1, b"\xff") + b"\x7c" + records(field(2, b"") * 1000),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_tiny_parts_in_masses_are_too_large(name: str) -> None:
    signal, body = BOMBS[name]
    with pytest.raises(Refusal, match="smaller batches") as refused:
        check_protobuf(signal, body, 999)
    assert refused.value.kind is Kind.TOO_LARGE
    check_protobuf(signal, body, 1010)


def test_text_that_looks_like_tags_is_not_counted() -> None:
    check_protobuf(Signal.LOGS, record(field(3, b"BJRZ" * 1000)), 10)


@given(data=st.data())
@pytest.mark.parametrize("signal", Signal)
def test_the_count_is_exact_for_whatever_the_parser_takes(signal: Signal, data: Any) -> None:
    message = data.draw(requests(signal))
    body, parts = message.SerializeToString(), _count_messages(message)
    check_protobuf(signal, body, parts)
    if parts:
        with pytest.raises(Refusal):
            check_protobuf(signal, body, parts - 1)


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05\x12", b"\x0b" * 1000, b"\x07"])
def test_what_no_parser_takes_is_left_to_the_parser(body: bytes) -> None:
    check_protobuf(Signal.TRACES, body + b"\x0a\x00" * 1000, 100)


def test_deep_nesting_does_not_recurse() -> None:
    check_protobuf(Signal.LOGS, record(field(5, nested_value(10_000))), 500)


def test_json_with_masses_of_tiny_parts_is_too_large() -> None:
    for tiny in (b"{},", b"[],", b"0,"):
        with pytest.raises(Refusal, match="smaller batches"):
            check_json(tiny * 1000, 999)
    check_json(b'{"resourceLogs": [{}, {}]}', 5)


def _count_messages(message: Any) -> int:
    """The messages within a message, at all depths."""
    count = 0
    for item, value in message.ListFields():
        if item.message_type is not None:
            parts = value if item.is_repeated else (value,)
            count += sum(1 + _count_messages(part) for part in parts)
    return count

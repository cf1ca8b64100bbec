"""A request leaves the door without secrets and otherwise as it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.receiver.masking import Masker
from spanscore.collector.receiver.secret_finder import SecretFinder
from spanscore.collector.signals import Signal
from tests.support.otlp_messages import requests

RECORDED = Path(__file__).parents[1] / "decode" / "data"
BIG_MESSAGES = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

VALUES = ["hunter2hunter2", 'pa"ss/wörd\n', "пароль-секрет"]
KEY = "sk-proj-" + "aB3dE5gH7jK9" * 4
MASKER, FINDER = Masker(VALUES), SecretFinder(VALUES, patterns=True)
# Pieces of text of which some are secrets, some only look like it, and some spoil the look.
PIECES = [*VALUES, KEY, r"pa\"ss\/w\u00F6rd\n", "sk-", "task-", "eyJ", "Bearer ", "word", " ", "\\"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=60), max_size=4).map("".join)


def leaves(message: Any) -> Iterator[bytes]:
    """Every text and every bytes of the message, in order."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if field.type == Field.TYPE_MESSAGE:
                yield from leaves(item)
            elif field.type in (Field.TYPE_STRING, Field.TYPE_BYTES):
                yield item.encode() if isinstance(item, str) else item


def emptied(message: Any) -> Any:
    """The message with x for each byte of its texts and bytes: what masking must not change."""
    for field, value in message.ListFields():
        items = value if field.is_repeated else [value]
        if field.type == Field.TYPE_MESSAGE:
            for item in items:
                emptied(item)
        elif field.type == Field.TYPE_STRING and field.is_repeated:
            value[:] = ["x" * len(item.encode()) for item in items]
        elif field.type == Field.TYPE_STRING:
            setattr(message, field.name, "x" * len(value.encode()))
        elif field.type == Field.TYPE_BYTES:
            setattr(message, field.name, b"x" * len(value))
    return message


def request_of(*names: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(Span(name=name) for name in names)
    return request


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_no_secret_is_left_and_nothing_else_is_changed(data: st.DataObject, signal: Signal) -> None:
    message = data.draw(requests(signal, TEXTS))
    original = signal.request_type.FromString(body := message.SerializeToString())
    before = list(leaves(original))
    masked = MASKER.mask(signal, body, message)

    after = list(leaves(masked.message))
    assert masked.count == sum(FINDER.star_out(leaf)[1] for leaf in before)
    assert not any(FINDER.star_out(leaf)[1] for leaf in after)
    for old, new in zip(before, after, strict=True):
        assert len(old) == len(new)
        assert all(b in (a, ord("*")) for a, b in zip(old, new, strict=True))
    assert masked.body == masked.message.SerializeToString() or not masked.count
    stored = signal.request_type.FromString(masked.body)
    assert emptied(stored).SerializeToString() == emptied(original).SerializeToString()


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_masking_twice_changes_nothing(data: st.DataObject, signal: Signal) -> None:
    body = MASKER.mask(signal, data.draw(requests(signal, TEXTS)).SerializeToString()).body
    again = MASKER.mask(signal, body)
    assert (again.body, again.count) == (body, 0)


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_a_request_without_secrets_comes_back_as_the_same_bytes(
    data: st.DataObject, signal: Signal
) -> None:
    body = data.draw(requests(signal)).SerializeToString()
    masked = MASKER.mask(signal, body)
    assert masked.body is body
    assert masked.count == 0


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_what_agents_send_comes_back_as_the_same_bytes(path: Path) -> None:
    signal = Signal[path.stem.split("-")[-1].upper()]
    body = json_to_protobuf(signal, path.read_bytes()).SerializeToString()
    assert Masker([]).mask(signal, body).body is body


@BIG_MESSAGES
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_every_text_of_every_signal_is_masked(data: st.DataObject, signal: Signal) -> None:
    message = data.draw(requests(signal, st.just(KEY)))
    number = list(leaves(message)).count(KEY.encode())
    masked = MASKER.mask(signal, message.SerializeToString())
    assert masked.count == number
    assert KEY.encode() not in masked.body


@given(length=st.integers(0, 300), before=st.sampled_from(["", "x ", "task-", "\n"]))
def test_a_key_is_found_whatever_bytes_the_protobuf_has_before_the_field(
    length: int, before: str
) -> None:
    # The length of the field, which stands before it, takes every value from 56 on.
    text = f"{before}{KEY} {'.' * length}"
    masked = MASKER.mask(Signal.TRACES, request_of(text).SerializeToString())
    assert masked.count == 1
    assert KEY.encode() not in masked.body


@pytest.mark.parametrize("length", range(len(KEY), 127))
def test_an_event_name_is_masked_though_its_tag_and_its_length_look_like_letters(
    length: int,
) -> None:
    request: Any = Signal.LOGS.request_type()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.event_name = KEY + " " * (length - len(KEY))
    assert MASKER.mask(Signal.LOGS, request.SerializeToString()).count == 1


def test_a_key_inside_a_word_costs_nothing() -> None:
    body = request_of(f"ta{KEY}", "task-9f86d081884c7d659a2feaa0c55ad015").SerializeToString()
    assert MASKER.mask(Signal.TRACES, body).body is body


def test_secrets_in_unknown_fields_and_overwritten_ones_are_gone() -> None:
    known = request_of("a").resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    unknown = bytes([0xFA, 0x07, len(KEY)]) + KEY.encode()  # field 127, of no version of OTLP yet
    overwritten = bytes([0x2A, len(KEY)]) + KEY.encode()  # the name, which `known` gives again
    span = unknown + overwritten + known
    scope_spans = bytes([0x12, 0x80 | len(span) & 0x7F, len(span) >> 7]) + span
    resource_spans = bytes([0x12, 0x80 | len(scope_spans) & 0x7F, len(scope_spans) >> 7])
    resource_spans += scope_spans
    body = bytes([0x0A, 0x80 | len(resource_spans) & 0x7F, len(resource_spans) >> 7])
    masked = MASKER.mask(Signal.TRACES, body + resource_spans)
    assert masked.body == request_of("a").SerializeToString()


def test_without_patterns_only_the_values_are_masked() -> None:
    body = request_of(f"{KEY} hunter2hunter2").SerializeToString()
    masked: Any = Masker(VALUES, patterns=False).mask(Signal.TRACES, body).message
    assert masked.resource_spans[0].scope_spans[0].spans[0].name == f"{KEY} {'*' * 14}"


def test_with_nothing_to_look_for_nothing_is_masked() -> None:
    body = request_of(KEY).SerializeToString()
    assert Masker([], patterns=False).mask(Signal.TRACES, body).body is body


def test_the_message_that_the_caller_has_is_masked_in_place() -> None:
    message = request_of(f"A={KEY}")
    masked = MASKER.mask(Signal.TRACES, message.SerializeToString(), message)
    assert masked.message is message
    assert message == request_of("A=" + "*" * len(KEY))

"""The mark tells who sent a request and when; other readers of OTLP do not see it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.export.mark import (
    Mark,
    MarkError,
    mark_json,
    mark_protobuf,
    read_json,
    split_protobuf,
)
from spanscore.collector.receiver.origin import ORIGINS
from spanscore.collector.signals import Signal
from tests.support.telemetry import span, traces_request

BODY = traces_request(span()).body
MARK = Mark(Signal.TRACES, "agent", 1_790_000_000_000_000_001)
MARKS = st.builds(
    Mark, st.sampled_from(Signal), st.sampled_from(ORIGINS), st.integers(1, 2**63 - 1)
)


@given(MARKS)
def test_a_mark_in_protobuf_is_read_back_and_leaves_the_request_as_it_was(mark: Mark) -> None:
    assert split_protobuf(mark_protobuf(BODY, mark)) == (mark, BODY)


@given(MARKS)
def test_a_mark_in_json_is_read_back(mark: Mark) -> None:
    assert read_json(mark_json(b'{"resourceSpans":[]}', mark)) == mark
    assert read_json(mark_json(b" { } ", mark)) == mark


def test_other_readers_skip_the_mark() -> None:
    sent = ExportTraceServiceRequest.FromString(BODY)
    read = ExportTraceServiceRequest.FromString(mark_protobuf(BODY, MARK))
    assert read.resource_spans == sent.resource_spans
    line = mark_json(b'{"resourceSpans":[{"scopeSpans":[]}]}', MARK)
    assert len(json_to_protobuf(Signal.TRACES, line).resource_spans) == 1  # type: ignore[attr-defined]  # a request of traces


def test_a_mark_is_found_wherever_another_tool_has_put_it() -> None:
    marked = mark_protobuf(BODY, MARK)
    at_the_end = BODY + marked[: len(marked) - len(BODY)]
    assert split_protobuf(at_the_end) == (MARK, BODY)
    line = orjson.dumps({"resourceSpans": [], "spanscore": MARK.as_json()})
    assert read_json(line) == MARK


def test_what_only_looks_like_a_mark_is_none() -> None:
    text = orjson.dumps({"resourceSpans": [], "note": '"spanscore": {}', "a": {"spanscore": 1}})
    assert read_json(text) is None
    assert split_protobuf(BODY) == (None, BODY)


@given(st.binary(max_size=60))
def test_any_bytes_are_split_or_left_alone(body: bytes) -> None:
    try:
        mark, rest = split_protobuf(body)
    except MarkError:
        return
    assert rest == body or mark


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"signal": "traces", "origin": "root", "receivedTimeUnixNano": "1"},
        {"signal": "spans", "origin": "agent", "receivedTimeUnixNano": "1"},
        {"signal": "traces", "origin": "agent", "receivedTimeUnixNano": "-1"},
        {"signal": 1, "origin": [], "receivedTimeUnixNano": None},
    ],
)
def test_a_mark_that_is_damaged_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MarkError, match="damaged"):
        read_json(orjson.dumps({"spanscore": members}))

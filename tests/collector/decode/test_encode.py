"""Stored rows become the requests again that they came in, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.decode.batch import decode
from spanscore.collector.decode.encode import MAX_BYTES, MAX_ROWS
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal
from tests.support.otlp_strategies import stored_requests
from tests.support.payloads import SESSIONS, requests_of
from tests.support.telemetry import logs_request, metrics_request, span, traces_request

from .flat import records
from .tables import Tables


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


def parsed(request: Request) -> Message:
    return request.signal.request_type.FromString(request.body)


def leaves(requests: Sequence[Request]) -> list[tuple[int, tuple[bytes, ...]]]:
    """Every record of all requests, each with when it came."""
    return sorted((one.received_ns, leaf) for one in requests for leaf in records(parsed(one)))


@settings(max_examples=100)
@given(st.data())
@pytest.mark.parametrize("signal", Signal)
def test_each_request_comes_back_equal_with_its_origin_and_its_time(
    signal: Signal, tables: Tables, data: st.DataObject
) -> None:
    messages = data.draw(st.lists(stored_requests(signal), min_size=1, max_size=3))
    sent = [
        Request(signal, data.draw(st.sampled_from(["open", "agent"])), at, m.SerializeToString())
        for at, m in enumerate(messages, 1)
    ]
    back: dict[tuple[int, str], Message] = {}
    for request in tables.encoded(signal, decode(signal, sent)):
        # Points are stored by their type, so those of a request may lie apart.
        whole = back.setdefault((request.received_ns, request.origin), signal.request_type())
        whole.MergeFrom(parsed(request))
    assert sorted(back) == [(request.received_ns, request.origin) for request in sent]
    assert [records(back[key]) for key in sorted(back)] == list(map(records, messages))


@pytest.mark.parametrize("session", SESSIONS)
def test_what_real_agents_sent_comes_back_equal(session: str, tables: Tables) -> None:
    bodies = {
        signal: [
            sent.plain
            for sent in requests_of(session)
            if sent.path.endswith(signal.path) and "json" not in sent.content_type
        ]
        for signal in Signal
    }
    for signal, sent in bodies.items():
        requests = [Request(signal, "open", at, body) for at, body in enumerate(sent, 1)]
        back = tables.encoded(signal, decode(signal, requests))
        assert leaves(back) == leaves(requests)


def test_what_came_together_comes_in_parts_where_it_has_too_many_rows_or_bytes(
    tables: Tables,
) -> None:
    many = traces_request(*(span(span_id=f"{n:016x}") for n in range(1, 2 * MAX_ROWS + 2)))
    large = traces_request(
        *(span(span_id=f"{n:016x}", filler="f" * (MAX_BYTES // 3)) for n in range(1, 5))
    )
    for sent, least in ((many, 3), (large, 2)):
        back = tables.encoded(Signal.TRACES, decode(Signal.TRACES, [sent]))
        assert len(back) >= least
        assert leaves(back) == leaves([sent])
        assert all(len(one.body) <= MAX_BYTES for one in back)


def test_nothing_makes_no_request(tables: Tables) -> None:
    for empty in (traces_request(), logs_request(), metrics_request("m")):
        assert tables.encoded(empty.signal, decode(empty.signal, [empty])) == []


def test_resources_that_alternate_within_a_request_come_once_each(tables: Tables) -> None:
    message = Signal.TRACES.request_type()
    for number in range(1, 7):
        part = message.resource_spans.add()  # type: ignore[attr-defined]  # of traces
        part.resource.attributes.add(key="n").value.int_value = number % 2
        part.scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8))
    sent = Request(Signal.TRACES, "open", 1, message.SerializeToString())
    [back] = tables.encoded(Signal.TRACES, decode(Signal.TRACES, [sent]))
    parts = parsed(back).resource_spans  # type: ignore[attr-defined]  # of traces
    assert len(parts) == 2
    ids = [[s.span_id[-1] for c in part.scope_spans for s in c.spans] for part in parts]
    assert ids == [[1, 3, 5], [2, 4, 6]]

"""What a span looks like in the table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanscore.collector.signals import Signal

from .tables import Row, decode_messages


def _row(**fields: Any) -> Row:
    request: Any = Signal.TRACES.request_type()
    request.resource_spans.add().scope_spans.add().spans.append(Span(**fields))
    [row] = decode_messages(Signal.TRACES, request).records.to_pylist()
    return dict(row)


def test_ids_are_lower_case_hex() -> None:
    row = _row(trace_id=bytes(range(0xA0, 0xB0)), span_id=b"\0\1\2\3\4\5\6\xff")
    assert row["trace_id"] == "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
    assert row["span_id"] == "00010203040506ff"


@given(st.lists(st.binary(max_size=20), min_size=1))
def test_a_link_id_of_any_length_is_the_hex_of_what_came_and_null_if_empty(
    ids: list[bytes],
) -> None:
    row = _row(links=[Span.Link(trace_id=link_id) for link_id in ids])
    assert [link["trace_id"] for link in row["links"]] == [i.hex() or None for i in ids]


def test_what_is_absent_is_null_and_not_empty() -> None:
    row = _row()
    assert row["parent_span_id"] is None
    assert row["trace_state"] is None
    assert row["status_code"] is None
    assert row["status_message"] is None


def test_a_status_that_says_unset_is_not_an_absent_one() -> None:
    assert _row(status=Status())["status_code"] == 0


def test_a_span_without_events_and_links_has_empty_lists() -> None:
    row = _row()
    assert (row["events"], row["links"]) == ([], [])


def test_enums_and_flags_beyond_those_known_are_kept() -> None:
    unknown_code = Status.FromString(b"\x18\x63")
    row = _row(kind=-1, flags=2**32 - 1, status=unknown_code)
    assert (row["kind"], row["flags"], row["status_code"]) == (-1, 2**32 - 1, 99)


_MAX = 2**64 - 1


@pytest.mark.parametrize(
    ("start", "end", "stored", "duration"),
    [
        (0, 0, (0, 0), 0),
        (1_700_000_000_000_000_001, 1_700_000_000_000_000_003, None, 2),
        (5, 3, None, -2),
        (1_700_000_000_000_000_000, 0, None, -1_700_000_000_000_000_000),
        (0, _MAX, (0, -1), 2**63 - 1),
        (_MAX, 0, (-1, 0), -(2**63 - 1)),
        (_MAX - 1, _MAX, (-2, -1), 1),
    ],
)
def test_the_duration_is_end_minus_start_within_64_bits(
    start: int, end: int, stored: tuple[int, int] | None, duration: int
) -> None:
    row = _row(start_time_unix_nano=start, end_time_unix_nano=end)
    assert (row["start_ns"], row["end_ns"]) == (stored or (start, end))
    assert row["duration_ns"] == duration

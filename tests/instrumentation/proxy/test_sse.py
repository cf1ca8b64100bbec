"""Server-sent events are the same however their bytes are cut, and no bytes break the parser."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.instrumentation.proxy.sse import EventParser

STREAMS = st.lists(
    st.sampled_from(
        [b"data: ", b"data:", b"event: x", b": note", b"\n", b"\r\n", b"\r", b"{}", b"id: 7"]
    )
    | st.binary(max_size=8)
).map(b"".join)


def _events(*chunks: bytes, limit: int = 1 << 20) -> tuple[list[tuple[str, bytes]], bool]:
    parser = EventParser(limit)
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*found, *parser.end()], parser.is_overrun


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200)), limit=st.sampled_from([10, 1 << 20]))
def test_any_cutting_of_any_bytes_gives_the_same_events(
    stream: bytes, cuts: list[int], limit: int
) -> None:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(places)]
    assert _events(*chunks, limit=limit) == _events(stream, limit=limit)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_names_comments_and_several_data_lines_are_understood(end: bytes) -> None:
    lines = [b"\xef\xbb\xbf: note", b"event: a", b"data: 1", b"data:2", b"", b"data", b"", b"x: 1"]
    assert _events(end.join([*lines, b"", b"data: 3", b"", b""])) == (
        [("a", b"1\n2"), ("", b""), ("", b"3")],
        False,
    )


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert _events(b"data: [DONE]") == ([("", b"[DONE]")], False)


def test_an_event_beyond_the_bound_ends_the_reading_and_holds_nothing() -> None:
    parser = EventParser(100)
    assert list(parser.feed(b"data: 1\n\ndata: ")) == [("", b"1")]
    for _ in range(50):
        assert list(parser.feed(b"x" * 10)) == []
    assert parser.is_overrun
    assert list(parser.feed(b"\n\ndata: 2\n\n")) == []


def test_many_events_beyond_the_bound_together_are_all_read() -> None:
    found, overrun = _events(b"data: 12345678\n\n" * 1000, limit=100)
    assert (len(found), overrun) == (1000, False)

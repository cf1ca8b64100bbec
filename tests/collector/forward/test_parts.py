"""Joining and splitting keeps every record, its order, its resource and its scope."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.forward.parts import FIELDS, Part, count_records, halves, pack, split
from spanscore.collector.signals import Signal
from tests.support.otlp_strategies import stored_requests

SLOW = settings(max_examples=50)
PARTS = st.sampled_from(list(Signal)).flatmap(
    lambda signal: stored_requests(signal).map(
        lambda message: Part(signal, message.SerializeToString(), count_records(signal, message))
    )
)


def flat(parts: list[Part], signal: Signal) -> list[tuple[bytes, ...]]:
    """Each record with all that it stands under, in order."""
    fields = FIELDS[signal]
    found: list[tuple[bytes, ...]] = []
    for part in parts:
        if part.signal is not signal:
            continue
        message: Any = signal.request_type.FromString(part.body)
        for resource_part in getattr(message, fields.resources):
            for scope_part in getattr(resource_part, fields.scopes):
                for record in getattr(scope_part, fields.records):
                    found.append(
                        (
                            _known(resource_part.resource),
                            resource_part.schema_url.encode(),
                            _known(scope_part.scope),
                            scope_part.schema_url.encode(),
                            _known(record),
                        )
                    )
    return found


def _known(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


@SLOW
@given(st.lists(PARTS, max_size=5), st.integers(200, 20_000), st.integers(1, 7))
def test_packing_keeps_each_record_in_its_order_and_every_bound(
    parts: list[Part], max_bytes: int, max_records: int
) -> None:
    packed = list(pack(parts, max_bytes, max_records))
    for signal in Signal:
        assert flat(packed, signal) == flat(parts, signal)
    for part in packed:
        assert part.records == count_records(
            part.signal, part.signal.request_type.FromString(part.body)
        )
        assert part.records <= max_records
        assert len(part.body) <= max_bytes or part.records == 1


@SLOW
@given(PARTS)
def test_halves_are_halves(part: Part) -> None:
    two = halves(part)
    assert flat(two, part.signal) == flat([part], part.signal)
    assert len(two) == (1 if part.records < 2 else 2)
    assert max(piece.records for piece in two) <= (part.records + 1) // 2 or part.records < 2


def test_what_fits_goes_on_as_the_bytes_that_came() -> None:
    part = Part(Signal.TRACES, b"\x0a\x00", 1)
    assert list(pack([part], 1000, 10)) == [part]


def test_small_requests_are_joined_and_signals_kept_apart() -> None:
    traces, logs = Part(Signal.TRACES, b"\x0a\x00", 2), Part(Signal.LOGS, b"\x0a\x00", 1)
    packed = list(pack([traces, logs, traces], 1000, 10))
    assert packed == [Part(Signal.TRACES, b"\x0a\x00\x0a\x00", 4), logs]


@pytest.mark.parametrize("records", [0, 1])
def test_a_single_record_is_not_split(records: int) -> None:
    request = Signal.TRACES.request_type()
    if records:
        request.resource_spans.add().scope_spans.add().spans.add(name="x" * 5000)  # type: ignore[attr-defined]  # of the traces' message
    part = Part(Signal.TRACES, request.SerializeToString(), records)
    assert [piece.records for piece in split(part, 1024, 512)] == [1] * records

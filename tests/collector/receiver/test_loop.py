"""What a collector has sent itself it refuses, however many others it went through."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import pytest

from spanscore.collector.receiver.loop import MAX_SENDERS, LoopGuard, forwarded_by
from spanscore.collector.receiver.status import Kind, Refusal


class Collector:
    """What two neighbours see of each other."""

    def __init__(self) -> None:
        self.identity = str(uuid.uuid4())
        self.counters: Counter[str] = Counter()
        self.guard = LoopGuard(self.identity, self._count)

    def _count(self, counts: Mapping[str, int]) -> None:
        self.counters.update(counts)

    def header(self) -> str:
        return forwarded_by(self.identity, self.counters)

    def take(self, header: str | None) -> None:
        self.guard.check(header)
        self.guard.remember(header)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_ends_at_the_first_that_reads_its_own_name(length: int) -> None:
    circle = [Collector() for _ in range(length)]
    for sender, taker in pairwise(circle):
        taker.take(sender.header())
    with pytest.raises(Refusal, match="a circle") as refused:
        circle[0].take(circle[-1].header())
    assert refused.value.kind is Kind.LOOP


def test_what_comes_from_others_and_from_senders_that_do_not_forward_is_taken() -> None:
    collector, other = Collector(), Collector()
    for header in (None, "", "nonsense, \0", other.header(), other.header()):
        collector.take(header)
    assert collector.header() == f"{collector.identity}, {other.identity}"
    assert sum(collector.counters.values()) == 1


def test_a_header_of_any_length_is_remembered_in_bounds() -> None:
    collector = Collector()
    for _ in range(3):
        collector.take(", ".join(str(uuid.uuid4()) for _ in range(10_000)))
    assert len(collector.counters) == MAX_SENDERS
    assert len(collector.header()) < 1024

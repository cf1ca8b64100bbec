"""The inbox does what a list and a few cursors would do, whatever the order of the calls."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spanscore.collector.inbox import Depth, Entry, Inbox, InboxFull, Request
from spanscore.collector.signals import Signal
from tests.support.inbox_requests import read_all

MAX_BYTES = 1024**2
READERS = st.sampled_from(["loader", "forwarder", "lake"])
REQUESTS = st.builds(
    Request,
    signal=st.sampled_from(Signal),
    origin=st.sampled_from(["harness", "agent", "open", "import"]),
    received_ns=st.integers(0, 2**63 - 1),
    body=st.builds(bytes.__mul__, st.binary(max_size=3), st.integers(0, 30_000)),
)


class InboxMachine(RuleBasedStateMachine):
    """The model is `kept`, what was appended and not deleted, and `standing`, the readers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.inbox = Inbox(self.folder / "db.inbox", max_bytes=MAX_BYTES)
        self.kept: list[Entry] = []
        self.last = 0
        self.standing: dict[str, int] = {}
        self.counters: Counter[str] = Counter()

    def teardown(self) -> None:
        self.inbox.close()
        shutil.rmtree(self.folder)

    def kept_after(self, position: int) -> list[Entry]:
        return [entry for entry in self.kept if entry.position > position]

    def delete_passed(self) -> None:
        self.kept = self.kept_after(min(self.standing.values(), default=0))

    @rule(requests=st.lists(REQUESTS, max_size=5), accepted=st.integers(0, 3))
    def append(self, requests: list[Request], accepted: int) -> None:
        counts = {"accepted": accepted} if accepted else {}
        new = [Entry(self.last + n, request) for n, request in enumerate(requests, 1)]
        try:
            self.inbox.append(requests, counts)
        except InboxFull:
            assert body_bytes(self.kept + new) > MAX_BYTES // 3
            return
        self.kept += new
        self.last += len(requests)
        self.counters.update(counts)

    @rule(reader=READERS)
    def register(self, reader: str) -> None:
        before_oldest = self.kept[0].position - 1 if self.kept else self.last
        self.standing.setdefault(reader, before_oldest)
        assert self.inbox.register(reader) == self.standing[reader]

    @rule(reader=READERS, back=st.integers(0, 5))
    def register_at(self, reader: str, back: int) -> None:
        self.standing[reader] = max(self.last - back, 0)
        assert self.inbox.register(reader, self.standing[reader]) == self.standing[reader]

    @precondition(lambda self: self.standing)
    @rule(data=st.data(), count=st.integers(1, 8))
    def read_and_advance(self, data: st.DataObject, count: int) -> None:
        reader = data.draw(st.sampled_from(sorted(self.standing)))
        stands = self.standing[reader]
        entries = self.inbox.read(reader, after=stands, max_requests=count, max_bytes=1 << 40)
        assert entries == self.kept_after(stands)[:count]
        self.standing[reader] = entries[-1].position if entries else stands
        self.inbox.advance(reader, self.standing[reader])
        self.delete_passed()

    @rule(reader=READERS)
    def forget(self, reader: str) -> None:
        self.inbox.forget(reader)
        self.standing.pop(reader, None)

    @rule()
    def sweep(self) -> None:
        assert not self.inbox.sweep()
        self.delete_passed()

    @rule()
    def reopen(self) -> None:
        self.inbox.close()
        self.inbox = Inbox(self.folder / "db.inbox", max_bytes=MAX_BYTES)

    @invariant()
    def every_reader_finds_all_that_is_kept(self) -> None:
        for reader, stands in self.standing.items():
            assert read_all(self.inbox, reader, stands) == self.kept_after(stands)

    @invariant()
    def depth_and_counters_agree(self) -> None:
        left = self.kept_after(min(self.standing.values(), default=0))
        oldest_ns = left[0].request.received_ns if left else None
        assert self.inbox.depth() == Depth(len(left), body_bytes(left), oldest_ns)
        assert self.inbox.counters() == self.counters


def body_bytes(entries: list[Entry]) -> int:
    return sum(len(entry.request.body) for entry in entries)


InboxMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
test_the_inbox_does_what_a_list_and_cursors_would_do = InboxMachine.TestCase

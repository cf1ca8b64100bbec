"""The way of one request: what is committed, what is counted, what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanscore.collector.inbox import InboxFull, Request
from spanscore.collector.receiver.accept import MAX_RECORDS, Acceptor, Received
from spanscore.collector.receiver.limits import Lease, Limits
from spanscore.collector.receiver.masking import Masker
from spanscore.collector.receiver.origin import Origins
from spanscore.collector.receiver.status import Kind, Refusal
from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, open_doors
from tests.support.telemetry import log, logs_request, span, traces_request

LIMITS = Limits(max_request_bytes=8 * 1024**2, max_in_flight_bytes=8 * 1024**2, body_timeout_s=5)


class RememberingCommitter:
    """Commits to memory; with `fails`, to nothing."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.fails = fails
        self.requests: list[Request] = []
        self.counts: list[dict[str, int]] = []

    async def commit(self, request: Request, counts: Mapping[str, int]) -> None:
        """Remember both, or raise."""
        if self.fails:
            raise self.fails
        self.requests.append(request)
        self.counts.append(dict(counts))

    def count(self, counts: Mapping[str, int]) -> None:
        """Remember the counts."""
        self.counts.append(dict(counts))


@pytest.fixture
async def committer() -> RememberingCommitter:
    """A committer that takes all."""
    return RememberingCommitter()


@pytest.fixture
async def acceptor(committer: RememberingCommitter) -> AsyncIterator[Acceptor]:
    """An acceptor before that committer."""
    acceptor = Acceptor(committer, Masker([]), Origins(b"key", None), LIMITS)
    yield acceptor
    acceptor.close()


async def _accept(acceptor: Acceptor, received: Received) -> Any:
    allowance = acceptor.allowances[received.origin]
    try:
        with Lease(allowance) as lease:
            return await acceptor.accept(received, lease)
    finally:
        assert allowance.used_bytes == 0


async def test_a_success_says_nothing_about_partial_success(acceptor: Acceptor) -> None:
    for signal in Signal:
        response = await _accept(acceptor, Received(signal, "open", BODIES[signal]))
        assert response == signal.response_type()
        assert not response.HasField("partial_success")


async def test_what_is_committed_has_the_origin_and_its_counts(
    acceptor: Acceptor, committer: RememberingCommitter
) -> None:
    await _accept(acceptor, Received(Signal.LOGS, "agent", BODIES[Signal.LOGS]))
    [request] = committer.requests
    assert (request.origin, request.body) == ("agent", BODIES[Signal.LOGS])
    assert committer.counts == [{"accepted_log_records": 1}]


async def test_when_all_spans_are_rejected_nothing_is_committed_and_they_are_counted(
    acceptor: Acceptor, committer: RememberingCommitter
) -> None:
    body = traces_request(span(span_id=""), span(trace="")).body
    response = await _accept(acceptor, Received(Signal.TRACES, "open", body))
    assert response.partial_success.rejected_spans == 2
    assert (committer.requests, committer.counts) == ([], [{"rejected_spans": 2}])


async def test_an_error_of_the_inbox_reaches_the_door_and_nothing_is_held() -> None:
    committer = RememberingCommitter(fails=InboxFull("no room"))
    acceptor = Acceptor(committer, Masker([]), Origins(b"key", None), LIMITS)
    with pytest.raises(InboxFull, match="no room"):
        await _accept(acceptor, Received(Signal.LOGS, "open", BODIES[Signal.LOGS]))
    assert committer.counts == []
    acceptor.close()


async def test_others_are_answered_while_a_long_request_is_parsed(
    acceptor: Acceptor, committer: RememberingCommitter
) -> None:
    long = logs_request(*[log(body="x" * 300)] * 15_000).body
    assert len(long) > 4 * 1024**2
    parsing = asyncio.create_task(_accept(acceptor, Received(Signal.LOGS, "open", long)))
    await asyncio.sleep(0)
    await _accept(acceptor, Received(Signal.TRACES, "agent", BODIES[Signal.TRACES]))
    await parsing
    assert [request.signal for request in committer.requests] == [Signal.TRACES, Signal.LOGS]


async def test_a_request_of_more_records_than_a_transaction_could_hold_is_too_large(
    acceptor: Acceptor, committer: RememberingCommitter
) -> None:
    too_many = logs_request(*[LogRecord()] * (MAX_RECORDS + 1)).body
    with pytest.raises(Refusal, match="send smaller batches") as refused:
        await _accept(acceptor, Received(Signal.LOGS, "open", too_many))
    assert refused.value.kind is Kind.TOO_LARGE
    assert committer.requests == []


async def test_a_long_request_has_the_same_errors(acceptor: Acceptor) -> None:
    for body in (bytes(3 * 1024**2), BODIES[Signal.LOGS] + b"\x0a\x05" * 1024**2):
        for json in (True, False):
            with pytest.raises(Refusal) as refused:
                await _accept(acceptor, Received(Signal.LOGS, "open", body, json=json))
            assert refused.value.kind is Kind.UNDECODABLE


@pytest.mark.parametrize(
    ("settings", "count"),
    [({"secrets": ("correct horse",)}, "masked_values"), ({"content": "hash"}, "hashed_values")],
)
async def test_a_secret_reaches_no_file(
    tmp_path: Path, settings: dict[str, Any], count: str
) -> None:
    body = logs_request(log(body="the password is correct horse")).body
    async with open_doors(tmp_path, **settings) as doors:
        assert (await doors.post("/v1/logs", body)).status == 200
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert b"the password is" in b"".join(files) or count == "hashed_values"
    assert b"correct horse" not in b"".join(files)
    assert doors.counters()[count] == 1

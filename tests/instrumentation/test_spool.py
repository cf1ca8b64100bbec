"""What no collector took counts after an import as it would have counted at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanscore.collector.export.mark import split_protobuf
from spanscore.collector.otlp_files import requests_in
from spanscore.instrumentation.spool import Signal, Spool
from tests.support.telemetry import span, traces_request

BODIES = [traces_request(span(span_id=f"{n:016x}")).body for n in (1, 2, 3)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "run.pb", origin="harness")
    for body in BODIES:
        spool.add("traces", body)
    return spool


def test_each_request_is_marked_with_its_origin_and_time(spool: Spool) -> None:
    found = [split_protobuf(item.body) for item in requests_in(spool.path, 1 << 20)]
    assert [body for _, body in found] == BODIES
    for mark, _ in found:
        assert mark is not None
        assert (mark.signal.name, mark.origin) == ("TRACES", "harness")
        assert abs(time.time_ns() - mark.received_ns) < 60 * 10**9


def test_the_collector_gets_the_requests_without_marks(spool: Spool) -> None:
    sent: list[tuple[Signal, bytes]] = []

    def send(signal: Signal, body: bytes) -> bool:
        sent.append((signal, body))
        return body != BODIES[1]

    spool.drain(send)
    assert sent == [("traces", body) for body in BODIES]
    [left] = requests_in(spool.path, 1 << 20)
    assert split_protobuf(left.body)[1] == BODIES[1]
    spool.drain(lambda _signal, body: body == BODIES[1])
    assert not spool.path.exists()


def test_without_an_origin_there_is_no_mark(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run.pb")
    spool.add("traces", BODIES[0])
    [found] = requests_in(spool.path, 1 << 20)
    assert found.body == BODIES[0]

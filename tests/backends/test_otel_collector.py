"""An OpenTelemetry Collector between two of ours: the second has what the first got."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from spanscore.collector.answers import load_waiting
from spanscore.collector.config import load
from tests.support.exports import Content, content
from tests.support.payloads import SESSIONS
from tests.support.running_collector import RunningCollector

from .forwarded import send, wait_until_forwarded
from .otel_collector import DESTINATIONS, OtelCollector, built, running

pytestmark = pytest.mark.backends

HALF = len(SESSIONS) // 2
ROWS = {
    "spans": "(SELECT * EXCLUDE (received_time) FROM spans)",
    # The Collector writes a body that is not there as one that is empty ("n").
    "logs": "(SELECT * EXCLUDE (received_time) "
    "REPLACE (coalesce(body_type, 'n') AS body_type) FROM logs)",
    "metric_points": "(SELECT * EXCLUDE (received_time) FROM metric_points)",
}


@contextmanager
def chain(folder: Path, *protocols: str) -> Iterator[tuple[RunningCollector, OtelCollector]]:
    """A collector that forwards to a Collector, which exports to empty ones: one a protocol."""
    binary = built()
    with ExitStack() as stack:
        targets = {}
        for protocol in protocols:
            last = stack.enter_context(RunningCollector(made(folder / protocol)))
            targets[protocol] = last.endpoints.http
        between = stack.enter_context(running(binary, made(folder / "between"), targets))
        first = made(folder / "first")
        (first / "spanscore.toml").write_text("".join(map(between.forward, protocols)))
        yield stack.enter_context(RunningCollector(first)), between


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def told(folder: Path) -> Content:
    """Everything that the views of a stopped collector tell, but for when it came."""
    db = folder / "collected.duckdb"
    load_waiting(load(db=db))
    rows = content(db, tuple(ROWS.values()))
    return dict(zip(ROWS, rows.values(), strict=True))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Content]:
    """What came, by protocol, and under `first` what was sent."""
    folder = tmp_path_factory.mktemp("chain")
    with chain(folder, *DESTINATIONS) as (first, _):
        send(first, SESSIONS)
        wait_until_forwarded(first)
    found = {name: told(folder / name) for name in ("first", *DESTINATIONS)}
    assert all(found["first"].values())
    return found


@pytest.mark.parametrize("protocol", DESTINATIONS)
def test_what_went_through_an_otel_collector_is_stored_as_it_was_sent(
    stores: Mapping[str, Content], protocol: str
) -> None:
    assert stores[protocol] == stores["first"]


def test_an_otel_collector_that_is_killed_meanwhile_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    with chain(tmp_path, "grpc") as (first, between):
        send(first, SESSIONS[:HALF])
        between.stop(signal.SIGKILL)
        send(first, SESSIONS[HALF:])
        between.start()
        wait_until_forwarded(first)
    assert told(tmp_path / "grpc") == told(tmp_path / "first")

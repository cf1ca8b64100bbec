"""Every captured session through a collector that forwards."""

from __future__ import annotations

from collections.abc import Sequence

from spanscore.collector.config import beside
from spanscore.collector.forward.ledger import Ledger
from spanscore.collector.forward.metrics import lag_of
from tests.support.payloads import requests_of
from tests.support.running_collector import RunningCollector

WAIT_S = 300.0


def send(collector: RunningCollector, sessions: Sequence[str]) -> None:
    """Send these sessions as their agents did."""
    for session in sessions:
        for request in requests_of(session):
            assert request.post(collector.endpoints.http) == 200


def wait_until_forwarded(collector: RunningCollector) -> None:
    """Until every destination has all that came, and refused nothing of it."""
    collector.settle()
    collector.wait_until(lambda: _is_up_to_date(collector), WAIT_S, "all to be forwarded")
    assert collector.ask("SELECT * FROM forward_rejected") == []


def _is_up_to_date(collector: RunningCollector) -> bool:
    with Ledger(beside(collector.db, "forward")) as ledger:
        statuses = ledger.statuses()
    lags = lag_of(beside(collector.db, "inbox"), statuses)
    return bool(lags) and all(requests == 0 for requests, _, _ in lags.values())

"""Forwarding in `/metrics`, one series for each destination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from spanscore.collector.inbox import Inbox, InboxError

from .destination import READER_PREFIX
from .ledger import Ledger, LedgerError, Status

_COUNTERS = (
    ("forward_sent_records", "Spans, log records and metrics taken", "sent_records"),
    ("forward_sent_requests", "Requests taken", "sent_requests"),
    ("forward_sent_bytes", "Bytes of requests taken, before compression", "sent_bytes"),
    ("forward_refused_records", "Refused for good, see forward_rejected", "refused_records"),
    ("forward_retries", "Requests sent again", "retries"),
)


def collect(ledger: Path, inbox: Path) -> Iterator[Metric]:
    """The metrics of every destination; nothing where nothing is forwarded."""
    if not ledger.exists():
        return
    try:
        with Ledger(ledger) as opened:
            statuses = opened.statuses()
        lags = lag_of(inbox, statuses)
    except (LedgerError, InboxError):
        return
    for name, help_text, field in _COUNTERS:
        family = CounterMetricFamily(f"spanscore_{name}", help_text, labels=["destination"])
        for status in statuses.values():
            family.add_metric([status.destination], getattr(status, field))
        yield family
    lag = GaugeMetricFamily(
        "spanscore_forward_lag_bytes", "Bytes the inbox keeps for it", labels=["destination"]
    )
    held = GaugeMetricFamily(
        "spanscore_forward_failing", "1 while requests must be sent again", labels=["destination"]
    )
    for status in statuses.values():
        lag.add_metric([status.destination], lags[status.destination][1])
        held.add_metric([status.destination], status.state in ("retrying", "held"))
    yield lag
    yield held


def lag_of(inbox: Path, statuses: Mapping[str, Status]) -> dict[str, tuple[int, int, int | None]]:
    """Of each destination: requests and bytes that the inbox keeps, and when the oldest came, ns.

    For one that goes on from the store the inbox keeps nothing: its requests are told by how far it
    has come, bytes and time are not known. Raises InboxError.
    """
    with Inbox(inbox) as opened:
        readers = opened.readers()
        found: dict[str, tuple[int, int, int | None]] = {}
        for name in statuses:
            reader = f"{READER_PREFIX}{name}"
            depth = opened.depth(reader) if reader in readers else None
            if statuses[name].source == "store" or depth is None:
                behind = opened.last_position() - statuses[name].last_position
                found[name] = (max(0, behind), 0, None)
            else:
                found[name] = (depth.requests, depth.bytes, depth.oldest_received_ns)
    return found

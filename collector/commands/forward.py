"""`spanscore forward`: how each destination stands, from the forwarder's own file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal

from rich.console import Console

from .. import running
from ..config import Settings, beside
from ..forward.ledger import Ledger, Status
from ..forward.metrics import lag_of
from ..forward.progress import FILLS
from ..table import visible

_NONE = (
    "nothing is forwarded from {db}; start `spanscore serve --forward URL`, or write a [[forward]] "
    "table into spanscore.toml"
)
_COLOURS = {"waiting": "green", "sending": "green", "retrying": "yellow", "held": "red"}
_STATES = {
    "waiting": "up to date",
    "sending": "sending",
    "retrying": "waiting for the backend",
    "held": "held: its setting or its backend is wrong",
    "stopped": "the collector does not run",
}


def show_forwarding(settings: Settings, form: Literal["text", "json"]) -> None:
    """Print every destination's state, lag, rate, last error and refusals.

    Raises LedgerError and InboxError.
    """
    path = beside(settings.db, "forward")
    statuses = {}
    if path.exists():
        with Ledger(path) as ledger:
            statuses = ledger.statuses()
    lags = lag_of(settings.inbox, statuses) if statuses else {}
    if running.find(settings.db) is None:
        for status in statuses.values():
            status.state, status.records_per_s = "stopped", 0.0
    rows = [_row(status, lags[status.destination]) for status in statuses.values()]
    if form == "json":
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print(_NONE.format(db=settings.db))
    # Neither markup nor highlighting: a backend's own words may look like either.
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False, soft_wrap=True)
    for row in rows:
        console.print(f"{row['destination']}  {row['url']}  ({row['profile']}, {row['protocol']})",
                      style="bold")  # fmt: skip
        for label, text in _lines(row):
            style = _COLOURS.get(row["state"]) if label == "state" else None
            console.print(f"  {label:<8} {visible(text)}", style=style)


def _row(status: Status, lag: tuple[int, int, int | None]) -> dict[str, Any]:
    requests, size_bytes, oldest_ns = lag
    return {
        **asdict(status),
        "lag_requests": requests,
        "lag_bytes": size_bytes,
        "lag_s": None if oldest_ns is None else round(_age_s(oldest_ns), 1),
    }


def _lines(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    state = _STATES[row["state"]]
    again_ns = row["tries_again_at_ns"]
    if row["state"] in ("retrying", "held") and again_ns:
        state += f"; tried again in {max(0.0, -_age_s(again_ns)):.0f} s"
    yield "state", state
    yield "lag", _lag(row)
    rate = f"{row['records_per_s']:,.1f} records/s in the last minute"
    yield "rate", f"{rate}, {row['sent_records']:,} sent in all"
    if row["fills_inbox"]:
        yield "warning", FILLS
    if row["last_error"]:
        yield "error", f"{row['last_error']} ({_ago(row['last_error_at_ns'])})"
    if row["refused_records"]:
        yield "refused", f"{row['refused_records']:,} records; see the table forward_rejected"


def _lag(row: dict[str, Any]) -> str:
    if not row["lag_requests"]:
        return "none"
    text = f"{row['lag_requests']:,} requests"
    if row["source"] == "store":
        return f"{text}, read from the store"
    text += f", {row['lag_bytes'] / 1e6:,.1f} MB"
    return text if row["lag_s"] is None else f"{text}, the oldest came {_span(row['lag_s'])} ago"


def _ago(at_ns: int) -> str:
    return f"{_span(_age_s(at_ns))} ago"


def _age_s(at_ns: int) -> float:
    return time.time() - at_ns / 1e9


def _span(seconds: float) -> str:
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"

"""`/healthz` and `/metrics`: the collector's own state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ..config import beside
from ..forward import metrics as forward_metrics
from ..inbox import Depth, Inbox, InboxError
from ..store.loader import READER, Progress

STALLED_S = 10.0
"""The loader is unwell when a request has waited this long and nothing was loaded meanwhile."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state at one moment.

    `error` says why the inbox could not be asked or the loader waits, else None; before
    `started_s` (seconds since 1970) the loader cannot have stood still.
    """

    depth: Depth
    counters: dict[str, int]
    progress: Progress
    inbox_bytes: int
    database_bytes: int
    started_s: float
    error: str | None

    @property
    def oldest_s(self) -> float:
        """How long the oldest request has waited for the loader; 0 when none waits."""
        oldest_ns = self.depth.oldest_received_ns
        return 0.0 if oldest_ns is None else max(0.0, time.time() - oldest_ns / 1e9)

    @property
    def problem(self) -> str | None:
        """What is wrong, in plain words; None when all is well."""
        if self.error:
            return self.error
        quiet_s = time.time() - max(self.started_s, self.progress.last_commit_s)
        if self.oldest_s > STALLED_S and quiet_s > STALLED_S:
            return f"the loader has stood still for {quiet_s:.0f} s; run `spanscore doctor`"
        return None


class State:
    """Reads the state of a running collector; cheap, and safe to ask from any thread.

    `fault` tells why the loader waits, None while it does not.
    """

    def __init__(
        self, db: Path, inbox: Path, progress: Progress, fault: Callable[[], str | None]
    ) -> None:
        self._db = db
        self._inbox = inbox
        self._progress = progress
        self._fault = fault
        self._started_s = time.time()

    def sample(self) -> Sample:
        """The state now."""
        depth, counters, error = Depth(0, 0, None), {}, self._fault()
        try:
            with Inbox(self._inbox) as inbox:
                depth, counters = inbox.depth(READER), inbox.counters()
        except InboxError as fault:
            error = str(fault)
        inbox_bytes, database_bytes = _size(self._inbox), _size(self._db)
        return Sample(
            depth, counters, self._progress, inbox_bytes, database_bytes, self._started_s, error
        )

    def collect(self) -> Iterator[Metric]:
        """The state as Prometheus metrics (`prometheus_client` calls this)."""
        sample = self.sample()
        for name, value in sorted(sample.counters.items()):
            help_text = f"{name}, since the inbox was made"
            yield CounterMetricFamily(f"spanscore_{name}", help_text, value)
        for name, help_text, size in _gauges(sample):
            yield GaugeMetricFamily(f"spanscore_{name}", help_text, size)
        yield from forward_metrics.collect(beside(self._db, "forward"), self._inbox)
        progress = sample.progress
        for name, help_text, value in (
            ("loaded_rows", "Spans, log records and data points stored", progress.rows),
            ("duplicate_rows", "Spans that came again", progress.duplicate_rows),
            ("duplicate_requests", "Requests that came again", progress.duplicate_requests),
            ("span_conflicts", "Spans under an id that was known", progress.conflicts),
            ("unstorable_requests", "Requests in `rejected`", progress.rejected_requests),
            ("commits", "Transactions of the loader", progress.commits),
        ):
            yield CounterMetricFamily(f"spanscore_{name}", f"{help_text}, since start", value)


def _gauges(sample: Sample) -> Iterator[tuple[str, str, float]]:
    yield "inbox_requests", "Requests that wait for the loader", sample.depth.requests
    yield "inbox_backlog_bytes", "Bytes that wait for the loader", sample.depth.bytes
    yield "inbox_oldest_seconds", "How long the oldest request has waited", sample.oldest_s
    yield "inbox_file_bytes", "Size of the inbox on disk", sample.inbox_bytes
    yield "database_bytes", "Size of the database file", sample.database_bytes
    yield "freshness_seconds", "From receiving to visible, last commit", sample.progress.freshness_s


def _size(path: Path) -> int:
    """Bytes of a file and its write-ahead log."""
    wals = (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}.wal"))
    return sum(p.stat().st_size for p in wals if p.exists())


def add_state_routes(app: web.Application, state: State) -> None:
    """`GET /healthz` (200, or 503 and what is wrong, JSON) and `GET /metrics` (Prometheus text)."""
    registry = CollectorRegistry()
    registry.register(state)

    async def healthz(_: web.Request) -> web.Response:
        sample = await asyncio.to_thread(state.sample)
        status = 503 if sample.problem else 200
        return web.json_response(_health(sample), status=status)

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)


def _health(sample: Sample) -> dict[str, Any]:
    return {
        "status": "unwell" if sample.problem else "ok",
        "problem": sample.problem,
        "inbox_requests": sample.depth.requests,
        "inbox_oldest_s": round(sample.oldest_s, 3),
        "loaded_rows": sample.progress.rows,
        "freshness_s": round(sample.progress.freshness_s, 3),
    }

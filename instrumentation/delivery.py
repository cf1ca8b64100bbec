"""Sends a run's spans and logs to the collector, and keeps in a file what it does not take."""

from __future__ import annotations

import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from .spool import Signal, Spool

SEND_S = 5.0
"""How long one request is tried, retries included, before it goes into the spool."""

PAUSE_S = 10.0
"""How long a collector that did not answer is left alone."""

Tell = Callable[[str], None]

_log = logging.getLogger("spanscore")


@dataclass(frozen=True, slots=True)
class Collector:
    """Where telemetry goes: base URLs, and what the harness and the agent must show there.

    A token makes the origin: without one, what the harness says of a run is kept and shown, and
    decides nothing (docs/conventions.md).
    """

    http: str
    grpc: str | None = None
    harness_token: str | None = None
    agent_token: str | None = None

    @property
    def agent_http(self) -> str:
        """The base URL for the agent's own telemetry, its token in the path."""
        return f"{self.http}/o/{self.agent_token}" if self.agent_token else self.http

    @property
    def headers(self) -> dict[str, str]:
        """What the harness sends along."""
        return {"x-spanscore-token": self.harness_token} if self.harness_token else {}


class Delivery:
    """Takes encoded batches: to the collector, or into the spool while it does not answer.

    `accepted` counts the spans that are with the collector or in the spool: no others are safe.
    """

    def __init__(self, collector: Collector, spool: Spool, tell: Tell) -> None:
        self._collector = collector
        self._spool = spool
        self._tell = tell
        self._lock = threading.Lock()
        self._paused_until_s = 0.0
        self._told = False
        self.accepted = 0

    def take(
        self, signal: Signal, count: int, send: Callable[[], bool], encode: Callable[[], bytes]
    ) -> bool:
        """Deliver `count` records one way or the other; whether they are safe."""
        if time.monotonic() < self._paused_until_s or not send():
            self._paused_until_s = time.monotonic() + PAUSE_S
            if not self._keep(signal, encode()):
                return False
        if signal == "traces":
            with self._lock:
                self.accepted += count
        return True

    def _keep(self, signal: Signal, request: bytes) -> bool:
        try:
            self._spool.add(signal, request)
        except OSError as error:
            self._tell(f"telemetry is lost: {self._spool.path} cannot be written: {error}")
            return False
        with self._lock:
            first, self._told = not self._told, True
        if first:
            self._tell(
                f"the collector at {self._collector.http} does not take telemetry; the run goes "
                f"on, and what it does not take is kept in {self._spool.path}"
            )
        return True

    def finish(self) -> None:
        """Offer the spool to the collector once more, and say what to do with the rest."""
        if not len(self._spool):
            return
        refused = False

        def send(signal: Signal, request: bytes) -> bool:
            nonlocal refused
            refused = refused or not post(self._collector, signal, request)
            return not refused

        self._spool.drain(send)
        if len(self._spool):
            self._tell(f"put the kept telemetry in with: spanscore import {self._spool.path}")


def post(collector: Collector, signal: Signal, body: bytes) -> bool:
    """One attempt to send one request; whether the collector acknowledged it."""
    return refusal(collector, signal, body) is None


def refusal(collector: Collector, signal: Signal = "traces", body: bytes = b"") -> str | None:
    """Why the collector does not take this request, in one sentence; None if it does."""
    request = urllib.request.Request(
        f"{collector.http}/v1/{signal}",
        data=body,
        headers={"Content-Type": "application/x-protobuf", **collector.headers},
    )
    handlers = [urllib.request.ProxyHandler({})] if _is_loopback(collector.http) else []
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=SEND_S):
            return None
    except urllib.error.HTTPError as error:
        return f"the collector at {collector.http} answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"no collector answers at {collector.http} ({reason})"


class SpanDelivery(SpanExporter):
    """The exporter of a run's spans."""

    def __init__(self, collector: Collector, delivery: Delivery) -> None:
        self._delivery = delivery
        self._sender = OTLPSpanExporter(**_sending(collector, "traces"))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send, or keep; FAILURE only for what is lost."""
        safe = self._delivery.take(
            "traces",
            len(spans),
            lambda: self._sender.export(spans) is SpanExportResult.SUCCESS,
            lambda: encode_spans(spans).SerializeToString(),
        )
        return SpanExportResult.SUCCESS if safe else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection."""
        self._sender.shutdown()  # type: ignore[no-untyped-call]  # untyped there


class LogDelivery(LogRecordExporter):
    """The exporter of a run's log records."""

    def __init__(self, collector: Collector, delivery: Delivery) -> None:
        self._delivery = delivery
        self._sender = OTLPLogExporter(**_sending(collector, "logs"))

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send, or keep; FAILURE only for what is lost."""
        safe = self._delivery.take(
            "logs",
            len(batch),
            lambda: self._sender.export(batch) is LogRecordExportResult.SUCCESS,
            lambda: encode_logs(batch).SerializeToString(),
        )
        return LogRecordExportResult.SUCCESS if safe else LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self) -> None:
        """Close the connection."""
        self._sender.shutdown()  # type: ignore[no-untyped-call]  # untyped there


def _sending(collector: Collector, signal: Signal) -> dict[str, Any]:
    session = requests.Session()
    session.trust_env = not _is_loopback(collector.http)  # no web proxy before this machine
    return {
        "endpoint": f"{collector.http}/v1/{signal}",
        "headers": collector.headers,
        "timeout": SEND_S,
        "session": session,
    }


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "::1", "localhost")


def tell_log(message: str) -> None:
    """Say it as a warning of the logger `spanscore`: what a library does."""
    _log.warning(message)

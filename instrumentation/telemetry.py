"""The OpenTelemetry providers of one run: its resource, its exporters, its heartbeat."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.util.types import AttributeValue

from .conventions import HEARTBEAT_EVENT
from .delivery import Collector, Delivery, LogDelivery, SpanDelivery, Tell, tell_log
from .spool import Spool

DELAY_MS = 200
BATCH = 64
QUEUE = 1 << 16
"""Spans wait this long and go in so large requests; so many wait at most, more are counted."""

HEARTBEAT_S = 10.0

SCOPE = "spanscore.instrumentation"

_OFF = SpanLimits.UNSET


class TelemetryError(Exception):
    """The run cannot be recorded; the message names the fix."""


class Telemetry:
    """A run's spans and log records on their way to the collector, sent as they end.

    Nothing is dropped by a limit of the SDK; `dropped` is what did not fit the queue or could
    neither be sent nor kept. Raises TelemetryError where the environment switches the SDK off.
    """

    def __init__(
        self,
        resource: Mapping[str, AttributeValue],
        collector: Collector,
        spool: Spool,
        tell: Tell = tell_log,
    ) -> None:
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            raise TelemetryError("OTEL_SDK_DISABLED is set; unset it: a run is spans")
        described = Resource.create(resource)
        self.ids = ReservedIds()
        self._delivery = Delivery(collector, spool, tell)
        self._ended = _Ended()
        self._tracers = TracerProvider(
            sampler=ALWAYS_ON, resource=described, id_generator=self.ids, span_limits=_no_limits()
        )
        self._tracers.add_span_processor(self._ended)
        self._tracers.add_span_processor(
            BatchSpanProcessor(
                SpanDelivery(collector, self._delivery),
                max_queue_size=QUEUE,
                schedule_delay_millis=DELAY_MS,
                max_export_batch_size=BATCH,
            )
        )
        self._loggers = LoggerProvider(
            resource=described, log_record_limits=LogRecordLimits(_OFF, _OFF, _OFF, _OFF)
        )
        self._loggers.add_log_record_processor(
            BatchLogRecordProcessor(
                LogDelivery(collector, self._delivery),
                max_queue_size=QUEUE,
                schedule_delay_millis=DELAY_MS,
                max_export_batch_size=BATCH,
            )
        )
        self.tracer = self._tracers.get_tracer(SCOPE, version("spanscore"))
        self._logger = self._loggers.get_logger(SCOPE, version("spanscore"))
        self._closing = threading.Event()
        self._heart: threading.Thread | None = None

    def event(
        self,
        name: str,
        context: Context,
        attributes: Mapping[str, AttributeValue] | None = None,
        time_ns: int | None = None,
    ) -> None:
        """Send a log event with the ids of the span in `context`."""
        self._logger.emit(
            event_name=name,
            timestamp=time_ns or now_ns(),
            context=context,
            attributes={"event.name": name, **(attributes or {})},
        )

    def beat(self, context: Context, attributes: Mapping[str, AttributeValue]) -> None:
        """Send a heartbeat every 10 s from now on until the run is closed."""

        def go_on() -> None:
            while not self._closing.wait(HEARTBEAT_S):
                self.event(HEARTBEAT_EVENT, context, attributes)

        self._heart = threading.Thread(target=go_on, name="spanscore-heartbeat", daemon=True)
        self._heart.start()

    @property
    def dropped(self) -> int:
        """Spans that were ended and are neither with the collector nor in the spool, by now."""
        self.flush()
        return self._ended.count - self._delivery.accepted

    def flush(self) -> None:
        """Send or keep all that has ended."""
        self._tracers.force_flush()
        self._loggers.force_flush()

    def close(self) -> None:
        """Send or keep the rest, and offer what was kept to the collector once more."""
        self._closing.set()
        if self._heart:
            self._heart.join()
        self.flush()
        self._delivery.finish()
        self._tracers.shutdown()
        self._loggers.shutdown()


class ReservedIds(RandomIdGenerator):
    """Random ids; within `given`, the ids that were reserved for a span before it was made.

    A container's span begins when the runtime says so, which is known when it has ended; its id
    is needed before, by the model calls below it.
    """

    def __init__(self) -> None:
        self._reserved = threading.local()

    @contextmanager
    def given(self, trace_id: int, span_id: int) -> Iterator[None]:
        """The next ids of this thread are these."""
        self._reserved.ids = (trace_id, span_id)
        try:
            yield
        finally:
            self._reserved.ids = None

    def generate_trace_id(self) -> int:
        """As reserved, else random."""
        ids = getattr(self._reserved, "ids", None)
        return int(ids[0]) if ids else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """As reserved, else random."""
        ids = getattr(self._reserved, "ids", None)
        return int(ids[1]) if ids else super().generate_span_id()


class _Ended(SpanProcessor):
    """Counts the spans that were ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            self.count += 1


def _no_limits() -> SpanLimits:
    return SpanLimits(_OFF, _OFF, _OFF, _OFF, _OFF, _OFF, _OFF, _OFF)


def now_ns() -> int:
    """The time of the spans' clock, ns since 1970."""
    return time.time_ns()

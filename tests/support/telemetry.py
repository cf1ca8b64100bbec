"""Small OTLP requests for tests: spans, logs and metric points with what a test cares about."""

from __future__ import annotations

import time
from collections.abc import Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

SECOND_NS = 10**9
START_NS = 1_790_000_000 * SECOND_NS
TRACE = "0102030405060708090a0b0c0d0e0f10"
SPAN = "0102030405060708"


def key_values(attributes: Mapping[str, str | int | float | bool]) -> list[KeyValue]:
    """OTLP attributes of plain values."""
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def _any(value: str | int | float | bool) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def span(
    *,
    trace: str = TRACE,
    span_id: str = SPAN,
    parent: str = "",
    name: str = "work",
    start_ns: int = START_NS,
    end_ns: int = START_NS + SECOND_NS,
    **attributes: str | int | float | bool,
) -> Span:
    """A span; attribute names are written with `__` for a dot."""
    return Span(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(parent),
        name=name,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
        attributes=key_values({k.replace("__", "."): v for k, v in attributes.items()}),
    )


def traces_request(
    *spans: Span,
    origin: str = "open",
    received_ns: int | None = None,
    resource: Mapping[str, str] | None = None,
) -> Request:
    """One Export request with these spans under one resource."""
    message = Signal.TRACES.request_type(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=key_values(resource or {"service.name": "tester"})),
                scope_spans=[ScopeSpans(spans=spans)],
            )
        ]
    )
    return Request(
        Signal.TRACES, origin, received_ns or time.time_ns(), message.SerializeToString()
    )


def log(
    *,
    body: str = "hello",
    trace: str = "",
    time_ns: int = START_NS,
    **attributes: str | int | float | bool,
) -> LogRecord:
    """A log record; attribute names are written with `__` for a dot."""
    return LogRecord(
        time_unix_nano=time_ns,
        body=AnyValue(string_value=body),
        trace_id=bytes.fromhex(trace),
        attributes=key_values({k.replace("__", "."): v for k, v in attributes.items()}),
    )


def logs_request(
    *records: LogRecord,
    origin: str = "open",
    received_ns: int | None = None,
    resource: Mapping[str, str] | None = None,
) -> Request:
    """One Export request with these records under one resource."""
    message = Signal.LOGS.request_type(
        resource_logs=[
            ResourceLogs(
                resource=Resource(attributes=key_values(resource or {"service.name": "tester"})),
                scope_logs=[ScopeLogs(log_records=records)],
            )
        ]
    )
    return Request(Signal.LOGS, origin, received_ns or time.time_ns(), message.SerializeToString())


def metrics_request(
    name: str,
    *values: int,
    origin: str = "open",
    received_ns: int | None = None,
    resource: Mapping[str, str] | None = None,
) -> Request:
    """One Export request with one gauge that has these points."""
    points = [NumberDataPoint(time_unix_nano=START_NS + i, as_int=v) for i, v in enumerate(values)]
    message = Signal.METRICS.request_type(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=key_values(resource or {"service.name": "tester"})),
                scope_metrics=[
                    ScopeMetrics(metrics=[Metric(name=name, gauge=Gauge(data_points=points))])
                ],
            )
        ]
    )
    return Request(
        Signal.METRICS, origin, received_ns or time.time_ns(), message.SerializeToString()
    )

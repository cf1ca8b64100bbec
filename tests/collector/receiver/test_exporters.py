"""The OpenTelemetry SDK's own exporters get through both doors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import (
    _log_exporter,
    metric_exporter,
    trace_exporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_log_exporter
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metric_exporter
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_trace_exporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from spanscore.collector.receiver.origin import TOKEN_HEADER, mint
from spanscore.collector.signals import Signal
from tests.support.doors import KEY, LOOPBACK, Doors

TOKEN = mint(KEY, "agent", "run-1")


def _emit(exporters: Sequence[Any]) -> None:
    """One span, one log record and one data point through three exporters."""
    span_exporter, log_exporter, point_exporter = exporters
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(span_exporter))
    tracing.get_tracer("test").start_span("chat").end()
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    record = LogRecord(timestamp=1, severity_number=SeverityNumber.INFO, body="hello")
    logging.get_logger("test").emit(record)
    reader = PeriodicExportingMetricReader(point_exporter, export_interval_millis=3_600_000)
    metering = MeterProvider([reader], shutdown_on_exit=False)
    metering.get_meter("test").create_counter("tokens").add(7)
    for provider in (tracing, logging, metering):
        provider.shutdown()


def _over_grpc(doors: Doors) -> None:
    settings: dict[str, Any] = {
        "endpoint": f"http://{LOOPBACK}:{doors.grpc_port}",
        "insecure": True,
        "headers": {TOKEN_HEADER: TOKEN},
    }
    _emit(
        (
            trace_exporter.OTLPSpanExporter(**settings),
            _log_exporter.OTLPLogExporter(**settings),
            metric_exporter.OTLPMetricExporter(**settings),
        )
    )


def _over_http(doors: Doors) -> None:
    base = f"http://{LOOPBACK}:{doors.http_port}/o/{TOKEN}"
    settings: dict[str, Any] = {"compression": Compression.Gzip}
    _emit(
        (
            http_trace_exporter.OTLPSpanExporter(f"{base}/v1/traces", **settings),
            http_log_exporter.OTLPLogExporter(f"{base}/v1/logs", **settings),
            http_metric_exporter.OTLPMetricExporter(f"{base}/v1/metrics", **settings),
        )
    )


@pytest.mark.parametrize("send", [_over_grpc, _over_http])
async def test_the_sdk_delivers_all_three_signals_with_a_token(doors: Doors, send: Any) -> None:
    await asyncio.to_thread(send, doors)
    stored = sorted(doors.stored(), key=lambda request: request.signal)
    assert [request.signal for request in stored] == list(Signal)
    assert {request.origin for request in stored} == {"agent"}
    traces, logs, metrics = (r.signal.request_type.FromString(r.body) for r in stored)
    assert traces.resource_spans[0].scope_spans[0].spans[0].name == "chat"  # type: ignore[attr-defined]
    record = logs.resource_logs[0].scope_logs[0].log_records[0]  # type: ignore[attr-defined]
    assert record.body.string_value == "hello"
    [metric] = metrics.resource_metrics[0].scope_metrics[0].metrics  # type: ignore[attr-defined]
    assert metric.sum.data_points[0].as_int == 7

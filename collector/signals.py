"""The three OTLP signals, and what the protocol calls each of them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

if TYPE_CHECKING:
    from google.protobuf.message import Message


class Signal(IntEnum):
    """A kind of telemetry; the number is what the inbox stores, so it never changes."""

    TRACES = 1
    LOGS = 2
    METRICS = 3

    @property
    def path(self) -> str:
        """The OTLP/HTTP path, `/v1/traces` for example (OTLP 1.11, "OTLP/HTTP Request")."""
        return f"/v1/{self.name.lower()}"

    @property
    def service(self) -> str:
        """The full name of the gRPC service whose unary method is `Export`."""
        return _SERVICES[self]

    @property
    def request_type(self) -> type[Message]:
        """The message `Export<Signal>ServiceRequest`."""
        return _REQUESTS[self]

    @property
    def response_type(self) -> type[Message]:
        """The message `Export<Signal>ServiceResponse`."""
        return _RESPONSES[self]

    @property
    def rejected_field(self) -> str:
        """The field of `partial_success` that counts what was refused."""
        return _REJECTED[self]


_SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: traces.ExportTraceServiceRequest,
    Signal.LOGS: logs.ExportLogsServiceRequest,
    Signal.METRICS: metrics.ExportMetricsServiceRequest,
}
_RESPONSES: dict[Signal, type[Message]] = {
    Signal.TRACES: traces.ExportTraceServiceResponse,
    Signal.LOGS: logs.ExportLogsServiceResponse,
    Signal.METRICS: metrics.ExportMetricsServiceResponse,
}
_REJECTED = {
    Signal.TRACES: "rejected_spans",
    Signal.LOGS: "rejected_log_records",
    Signal.METRICS: "rejected_data_points",
}

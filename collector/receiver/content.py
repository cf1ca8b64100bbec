"""`--content hash`: what was said stays out of the store, its length and its sha256 go in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
    from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

_IDENTIFIER = re.compile(r"[\w.-]+")
_HASHED = re.compile(r"sha256:[0-9a-f]{64} \d+ bytes")


def hash_content(message: Message) -> int:
    """Replace prompts, completions and tool content of an Export request; returns how many values.

    In place of a value stands the text `sha256:<hex> <n> bytes` of its UTF-8 text, of its bytes, or
    for a number, an array or a map of its serialized AnyValue. Content are the attributes that
    content_keys.tsv lists, on resources, scopes, spans, events, links and log records, and every
    log body that is not just the name of its event. Twice changes nothing.
    """
    if isinstance(message, ExportTraceServiceRequest):
        return sum(map(_hash_traces, message.resource_spans))
    if isinstance(message, ExportLogsServiceRequest):
        return sum(map(_hash_logs, message.resource_logs))
    if isinstance(message, ExportMetricsServiceRequest):
        return sum(map(_hash_metrics, message.resource_metrics))
    raise TypeError(f"{message.DESCRIPTOR.full_name} is no Export request")


def _hash_traces(traces: ResourceSpans) -> int:
    count = _hash_attributes(traces.resource.attributes)
    for scope_spans in traces.scope_spans:
        count += _hash_attributes(scope_spans.scope.attributes)
        count += sum(map(_hash_span, scope_spans.spans))
    return count


def _hash_span(span: Span) -> int:
    count = _hash_attributes(span.attributes)
    count += sum(_hash_attributes(event.attributes) for event in span.events)
    return count + sum(_hash_attributes(link.attributes) for link in span.links)


def _hash_logs(logs: ResourceLogs) -> int:
    count = _hash_attributes(logs.resource.attributes)
    for scope_logs in logs.scope_logs:
        count += _hash_attributes(scope_logs.scope.attributes)
        count += sum(map(_hash_record, scope_logs.log_records))
    return count


def _hash_metrics(metrics: ResourceMetrics) -> int:
    # A resource must stay the same in all signals; data points carry no content.
    count = _hash_attributes(metrics.resource.attributes)
    return count + sum(_hash_attributes(part.scope.attributes) for part in metrics.scope_metrics)


def _hash_record(record: LogRecord) -> int:
    count = _hash_attributes(record.attributes)
    return count if _is_event_name(record) else count + _hash_value(record.body)


def _is_event_name(record: LogRecord) -> bool:
    """Whether the body only repeats the name, as `claude_code.api_error` does of `api_error`."""
    body = record.body.string_value
    names = [a.value.string_value for a in record.attributes if a.key == "event.name"]
    return _IDENTIFIER.fullmatch(body) is not None and any(
        body == name or body.endswith(f".{name}") for name in (record.event_name, *names) if name
    )


def _hash_attributes(attributes: Iterable[KeyValue]) -> int:
    return sum(
        _hash_value(attribute.value) for attribute in attributes if _is_content(attribute.key)
    )


def _hash_value(value: AnyValue) -> int:
    kind = value.WhichOneof("value")
    if kind is None or _HASHED.fullmatch(value.string_value):
        return 0
    if kind == "string_value":
        data = value.string_value.encode()
    elif kind == "bytes_value":
        data = value.bytes_value
    else:
        data = value.SerializeToString(deterministic=True)
    value.string_value = f"sha256:{hashlib.sha256(data).hexdigest()} {len(data)} bytes"
    return 1


def _is_content(key: str) -> bool:
    return key in _KEYS or _KEY_SHAPES.fullmatch(key) is not None


def _read_keys() -> list[str]:
    lines = files(__package__).joinpath("content_keys.tsv").read_text("utf-8").splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("#")][1:]


_KEYS = frozenset(_read_keys())
_KEY_SHAPES = re.compile(
    "|".join(re.escape(key).replace(r"\*", "[^.]+") for key in sorted(_KEYS) if "*" in key)
)

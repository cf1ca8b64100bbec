"""Rows of the base tables back to OTLP messages equal to those they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanscore.collector.signals import Signal

from .values import from_text

Row = Mapping[str, Any]


def write_back(
    signal: Signal,
    records: Iterable[Row],
    resources: Mapping[int, Row],
    scopes: Mapping[int, Row],
) -> Message:
    """The Export request of these rows: equal to what was decoded, but for the order.

    `records` are rows of span, log or metric_point by column name, as DuckDB or Arrow give them;
    `resources` and `scopes` are the rows they name, by id. Each resource comes once, and so do each
    scope of a resource and each metric of a scope (by all that describes it), in the order of their
    first record.
    """
    resources_field, scopes_field, add = _LAYOUTS[signal]
    request = signal.request_type()
    for resource_id, in_resource in _grouped(records, "resource_id").items():
        resource_part = getattr(request, resources_field).add()
        _set_identity(resource_part, "resource", resources[resource_id])
        for scope_id, rows in _grouped(in_resource, "scope_id").items():
            scope_part = getattr(resource_part, scopes_field).add()
            _set_identity(scope_part, "scope", scopes[scope_id])
            add(scope_part, rows)
    return request


def _grouped(rows: Iterable[Row], column: str) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _set_identity(part: Any, field: str, row: Row) -> None:
    part.schema_url = row["schema_url"] or ""
    if row["raw"] is not None:
        message = getattr(part, field)
        message.SetInParent()
        message.MergeFromString(row["raw"])


def key_values(
    row: Row, name: str = "attributes", types: str = "attribute_types"
) -> list[KeyValue]:
    """The attributes of a row (or of an event, link or exemplar), in their order on the wire."""
    raw = row[f"{name}_raw"]
    if raw is not None:
        return list(KeyValueList.FromString(raw).values)
    attributes = row[name]
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    return [
        KeyValue(key=key, value=None if letter == "-" else from_text(text, letter))
        for (key, text), letter in zip(pairs, row[types], strict=True)
    ]


def _id(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def _unsigned(number: int) -> int:
    return number % 2**64


def _add_spans(part: Any, rows: Sequence[Row]) -> None:
    part.spans.extend(_span(row) for row in rows)


def _span(row: Row) -> Span:
    span = Span(
        trace_id=_id(row["trace_id"]),
        span_id=_id(row["span_id"]),
        parent_span_id=_id(row["parent_span_id"]),
        trace_state=row["trace_state"] or "",
        flags=row["flags"],
        name=row["name"],
        kind=row["kind"],
        start_time_unix_nano=_unsigned(row["start_ns"]),
        end_time_unix_nano=_unsigned(row["end_ns"]),
        attributes=key_values(row),
        dropped_attributes_count=row["dropped_attributes_count"],
        events=[_event(event) for event in row["events"]],
        dropped_events_count=row["dropped_events_count"],
        links=[_link(link) for link in row["links"]],
        dropped_links_count=row["dropped_links_count"],
    )
    if row["status_code"] is not None:
        span.status.SetInParent()
        span.status.code = row["status_code"]
        span.status.message = row["status_message"] or ""
    return span


def _event(event: Row) -> Span.Event:
    return Span.Event(
        time_unix_nano=_unsigned(event["time_ns"]),
        name=event["name"],
        attributes=key_values(event),
        dropped_attributes_count=event["dropped_attributes_count"],
    )


def _link(link: Row) -> Span.Link:
    return Span.Link(
        trace_id=_id(link["trace_id"]),
        span_id=_id(link["span_id"]),
        trace_state=link["trace_state"] or "",
        flags=link["flags"],
        attributes=key_values(link),
        dropped_attributes_count=link["dropped_attributes_count"],
    )


def _add_logs(part: Any, rows: Sequence[Row]) -> None:
    part.log_records.extend(_log(row) for row in rows)


def _log(row: Row) -> LogRecord:
    return LogRecord(
        time_unix_nano=_unsigned(row["time_ns"]),
        observed_time_unix_nano=_unsigned(row["observed_ns"]),
        severity_number=row["severity_number"],
        severity_text=row["severity_text"] or "",
        event_name=row["event_name"] or "",
        body=_body(row),
        trace_id=_id(row["trace_id"]),
        span_id=_id(row["span_id"]),
        flags=row["flags"],
        attributes=key_values(row),
        dropped_attributes_count=row["dropped_attributes_count"],
    )


def _body(row: Row) -> AnyValue | None:
    if row["body_raw"] is not None:
        return AnyValue.FromString(row["body_raw"])
    return None if row["body_type"] is None else from_text(row["body"], row["body_type"])


def _add_metrics(part: Any, rows: Sequence[Row]) -> None:
    metrics: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        described = _description(row)
        if described not in metrics:
            metrics[described] = getattr(_add_metric(part, row), row["type"])
        metrics[described].data_points.append(_POINTS[row["type"]](row))


def _description(row: Row) -> tuple[Any, ...]:
    metadata = [item.SerializeToString() for item in key_values(row, "metadata", "metadata_types")]
    plain = ("name", "description", "unit", "type", "temporality", "is_monotonic")
    return (*(row[column] for column in plain), *metadata)


def _add_metric(part: Any, row: Row) -> Metric:
    metric: Metric = part.metrics.add(
        name=row["name"],
        description=row["description"] or "",
        unit=row["unit"] or "",
        metadata=key_values(row, "metadata", "metadata_types"),
    )
    kind = getattr(metric, row["type"])
    if row["temporality"] is not None:
        kind.aggregation_temporality = row["temporality"]
    if row["is_monotonic"] is not None:
        kind.is_monotonic = row["is_monotonic"]
    return metric


def _common(row: Row) -> dict[str, Any]:
    return {
        "start_time_unix_nano": _unsigned(row["start_ns"]),
        "time_unix_nano": _unsigned(row["time_ns"]),
        "attributes": key_values(row),
        "flags": row["flags"],
    }


def _number(row: Row) -> NumberDataPoint:
    return NumberDataPoint(
        **_common(row),
        as_double=row["value_double"],
        as_int=row["value_int"],
        exemplars=[_exemplar(exemplar) for exemplar in row["exemplars"] or ()],
    )


def _exemplar(exemplar: Row) -> Exemplar:
    return Exemplar(
        time_unix_nano=_unsigned(exemplar["time_ns"]),
        as_double=exemplar["value_double"],
        as_int=exemplar["value_int"],
        trace_id=_id(exemplar["trace_id"]),
        span_id=_id(exemplar["span_id"]),
        filtered_attributes=key_values(exemplar),
    )


def _histogram(row: Row) -> HistogramDataPoint:
    return HistogramDataPoint(
        **_common(row),
        count=_unsigned(row["count"]),
        sum=row["sum"],
        min=row["min"],
        max=row["max"],
        bucket_counts=map(_unsigned, row["bucket_counts"]),
        explicit_bounds=row["explicit_bounds"],
        exemplars=[_exemplar(exemplar) for exemplar in row["exemplars"] or ()],
    )


def _exponential(row: Row) -> ExponentialHistogramDataPoint:
    return ExponentialHistogramDataPoint(
        **_common(row),
        count=_unsigned(row["count"]),
        sum=row["sum"],
        min=row["min"],
        max=row["max"],
        scale=row["scale"],
        zero_count=_unsigned(row["zero_count"]),
        zero_threshold=row["zero_threshold"],
        positive=_buckets(row["positive_offset"], row["positive_bucket_counts"]),
        negative=_buckets(row["negative_offset"], row["negative_bucket_counts"]),
        exemplars=[_exemplar(exemplar) for exemplar in row["exemplars"] or ()],
    )


def _buckets(
    offset: int | None, counts: Sequence[int] | None
) -> ExponentialHistogramDataPoint.Buckets | None:
    if offset is None or counts is None:
        return None
    return ExponentialHistogramDataPoint.Buckets(
        offset=offset, bucket_counts=map(_unsigned, counts)
    )


def _summary(row: Row) -> SummaryDataPoint:
    return SummaryDataPoint(
        **_common(row),
        count=_unsigned(row["count"]),
        sum=row["sum"],
        quantile_values=[
            SummaryDataPoint.ValueAtQuantile(quantile=at["quantile"], value=at["value"])
            for at in row["quantiles"]
        ],
    )


_POINTS: dict[str, Callable[[Row], Message]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
_LAYOUTS: dict[Signal, tuple[str, str, Callable[[Any, Sequence[Row]], None]]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", _add_spans),
    Signal.LOGS: ("resource_logs", "scope_logs", _add_logs),
    Signal.METRICS: ("resource_metrics", "scope_metrics", _add_metrics),
}

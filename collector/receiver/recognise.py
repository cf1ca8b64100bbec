"""Tells the signal of a request whose path does not, as of those that Codex sends to a base URL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from google.protobuf.message import DecodeError

from spanscore.collector.signals import Signal

from .status import Kind, Refusal


def recognise(body: bytes, *, json: bool) -> Signal:
    """The one signal whose records the body holds. Raises Refusal (UNDECODABLE) naming the paths.

    Protobuf has no type tag, but the three differ where it counts: only a span has its start as
    fixed64 in field 7 beside ids of 16 and 8 bytes, only a log record has a fixed64 in field 1 or
    11, and only a metric has points with a fixed64 in field 3. A parser skips a field whose wire
    type is not its own, so what it finds there tells them apart. JSON names its signal.
    """
    fitting = _fitting(Signal, body, json)
    if len(fitting) != 1:
        paths = ", ".join(signal.path for signal in Signal)
        raise Refusal(
            Kind.UNDECODABLE,
            "this is no OTLP request, or none that tells whether it holds traces, logs or metrics; "
            f"a sender gives each signal an endpoint with its own path: {paths}",
        )
    return fitting[0]


def check_addressee(signal: Signal, body: bytes, *, json: bool) -> None:
    """Raises Refusal (UNDECODABLE) for a body that came for `signal` and holds only another one.

    Its parser would skip all that it does not know, and what it skips would be lost.
    """
    others = _fitting([other for other in Signal if other is not signal], body, json)
    if others and not _fitting([signal], body, json):
        names = " and ".join(other.path for other in others)
        raise Refusal(Kind.UNDECODABLE, f"this body belongs to {names}, not to {signal.path}")


def _fitting(signals: Iterable[Signal], body: bytes, json: bool) -> list[Signal]:
    return [s for s in signals if (_is_named(s, body) if json else _fits(s, body))]


def _is_named(signal: Signal, body: bytes) -> bool:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    name = signal.request_type.DESCRIPTOR.fields_by_number[1].json_name
    return isinstance(document, dict) and name in document


def _fits(signal: Signal, body: bytes) -> bool:
    try:
        request = signal.request_type.FromString(body)
    except DecodeError:
        return False
    return any(map(_IS_RECORD[signal], _RECORDS[signal](request)))


def _spans(request: Any) -> Iterator[Any]:
    return (s for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans)


def _log_records(request: Any) -> Iterator[Any]:
    return (r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records)


def _metrics(request: Any) -> Iterator[Any]:
    return (m for rm in request.resource_metrics for sm in rm.scope_metrics for m in sm.metrics)


def _is_span(span: Any) -> bool:
    ids = len(span.trace_id), len(span.span_id)
    return ids == (16, 8) and bool(span.start_time_unix_nano)


def _is_log_record(record: Any) -> bool:
    return bool(record.time_unix_nano or record.observed_time_unix_nano)


def _is_metric(metric: Any) -> bool:
    data = metric.WhichOneof("data")
    if not metric.name or data is None:
        return False
    return any(point.time_unix_nano for point in getattr(metric, data).data_points)


_RECORDS = {Signal.TRACES: _spans, Signal.LOGS: _log_records, Signal.METRICS: _metrics}
_IS_RECORD = {
    Signal.TRACES: _is_span,
    Signal.LOGS: _is_log_record,
    Signal.METRICS: _is_metric,
}

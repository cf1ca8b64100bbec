"""Counts the records of a request and takes out the spans that nothing could refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanscore.collector.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(frozen=True, slots=True)
class Records:
    """How many spans, log records or data points a request holds, and what was taken out.

    `doubtful`: there is none, or none that looks like one; it may be another signal's request.
    """

    accepted: int
    rejected: int = 0
    reason: str = ""
    doubtful: bool = False


def check_records(signal: Signal, request: Message) -> Records:
    """Count the records of `request`; remove spans whose ids are zero or of wrong length.

    Only spans are ever rejected: nothing could refer to them (OTLP 1.11, trace.proto, `Span`).
    """
    if signal is Signal.TRACES:
        return _check_spans(request)
    if signal is Signal.LOGS:
        return _count_log_records(request)
    return _count_data_points(request)


def _check_spans(request: Any) -> Records:
    total = accepted = 0
    example = ""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            total += len(spans)
            bad = next(_bad_spans(spans), None)
            if bad is not None:
                example = example or _describe(bad)
                _keep_good(spans)
            accepted += len(spans)
    if accepted == total:
        return Records(total, doubtful=not total)
    rejected = total - accepted
    reason = (
        f"{rejected} of {total} spans were rejected, the others are stored: a trace_id must be 16 "
        f"bytes and a span_id 8, neither all zero. The first one: {example}"
    )
    return Records(accepted, rejected, reason, doubtful=not accepted)


def _bad_spans(spans: Iterable[Any]) -> Iterator[Any]:
    # The one loop over all spans at the door; each attribute is read once.
    return (
        span
        for span in spans
        if len(trace_id := span.trace_id) != 16
        or len(span_id := span.span_id) != 8
        or trace_id == _NO_TRACE
        or span_id == _NO_SPAN
    )


def _describe(span: Any) -> str:
    trace_id, span_id = span.trace_id[:32].hex(), span.span_id[:32].hex()
    return f"{span.name[:100]!r}, trace_id {trace_id!r}, span_id {span_id!r}"


def _keep_good(spans: Any) -> None:
    good = [span for span in spans if next(_bad_spans((span,)), None) is None]
    del spans[:]
    spans.extend(good)


def _count_log_records(request: Any) -> Records:
    total = timed = 0
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            records = scope_logs.log_records
            total += len(records)
            if records:
                first = records[0]
                timed += bool(first.time_unix_nano or first.observed_time_unix_nano)
    return Records(total, doubtful=not timed)


def _count_data_points(request: Any) -> Records:
    total = 0
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                data = metric.WhichOneof("data")
                if data is not None:
                    total += len(getattr(metric, data).data_points)
    return Records(total, doubtful=not total)

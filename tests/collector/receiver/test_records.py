"""Which spans are taken out at the door, and how records are counted."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from spanscore.collector.receiver.records import check_records
from spanscore.collector.signals import Signal
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

BAD_IDS: list[dict[str, Any]] = [
    {"trace": ""},
    {"span_id": ""},
    {"trace": "00" * 16},
    {"span_id": "00" * 8},
    {"trace": "01" * 15},
    {"trace": "01" * 17},
    {"span_id": "01" * 7},
    {"span_id": "01" * 9},
]


def _parsed(*spans: Any) -> Any:
    return Signal.TRACES.request_type.FromString(traces_request(*spans).body)


@pytest.mark.parametrize("ids", BAD_IDS)
def test_a_span_with_a_bad_id_is_taken_out_and_named(ids: dict[str, Any]) -> None:
    request = _parsed(span(name="first"), span(name="broken", **ids), span(name="last"))
    records = check_records(Signal.TRACES, request)
    assert (records.accepted, records.rejected) == (2, 1)
    assert "'broken'" in records.reason
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [item.name for item in spans] == ["first", "last"]


def test_the_spans_that_stay_are_as_they_were() -> None:
    good = [span(span_id=f"{i:016x}", name=f"n{i}", count=i) for i in range(1, 40)]
    bad = [span(span_id="") for _ in good]
    request = _parsed(*(item for pair in zip(bad, good, strict=True) for item in pair))
    assert check_records(Signal.TRACES, request).rejected == 39
    assert request == _parsed(*good)


def test_a_wrong_parent_or_link_is_no_reason_to_lose_a_span() -> None:
    item = span(parent="01")
    item.links.add(trace_id=b"x", span_id=b"")
    assert check_records(Signal.TRACES, _parsed(item)).rejected == 0


def test_records_of_all_scopes_are_counted() -> None:
    traces = _parsed(span(), span())
    traces.MergeFrom(_parsed(span()))
    assert check_records(Signal.TRACES, traces).accepted == 3
    logs = Signal.LOGS.request_type.FromString(logs_request(log(), log(trace="01")).body)
    assert check_records(Signal.LOGS, logs).accepted == 2


def test_points_of_all_five_metric_types_are_counted() -> None:
    request: Any = Signal.METRICS.request_type.FromString(metrics_request("gauge", 1, 2).body)
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    for data in ("sum", "histogram", "exponential_histogram", "summary"):
        metric = Metric(name=data)
        getattr(metric, data).data_points.add()
        metrics.append(metric)
    metrics.append(Metric(name="without data"))
    assert check_records(Signal.METRICS, request).accepted == 6

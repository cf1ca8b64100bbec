"""What data points of the five metric types look like in the table."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from spanscore.collector.decode.batch import SCHEMAS
from spanscore.collector.signals import Signal

from .tables import Row, decode_messages

_TYPES = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def _rows(*metrics: Metric) -> list[Row]:
    request: Any = Signal.METRICS.request_type()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(metrics)
    rows: list[Row] = decode_messages(Signal.METRICS, request).records.to_pylist()
    return rows


def _metric(kind: str, *points: Any, **fields: Any) -> Metric:
    metric = Metric(name=kind, **fields)
    getattr(metric, kind).data_points.extend(points)
    return metric


def _filled(row: Row) -> set[str]:
    """The columns of a row that only some metric types have, and that this one has."""
    names = SCHEMAS[Signal.METRICS].names
    optional = names[names.index("temporality") : names.index("flags")]
    everywhere = {"start_ns", "time_ns", "metadata", "metadata_types", "metadata_raw"}
    return {name for name in set(optional) - everywhere if row[name] is not None}


def test_points_of_all_types_get_the_columns_that_their_type_has_and_null_elsewhere() -> None:
    buckets = ExponentialHistogramDataPoint.Buckets(offset=-1, bucket_counts=[1])
    rows = _rows(
        _metric("gauge", NumberDataPoint(as_double=1)),
        _metric("sum", NumberDataPoint(as_int=1)),
        _metric("histogram", HistogramDataPoint(sum=1, min=1, max=1)),
        _metric("exponential_histogram", ExponentialHistogramDataPoint(positive=buckets)),
        _metric("summary", SummaryDataPoint()),
    )
    by_type = {row["type"]: _filled(row) for row in rows}
    assert by_type == {
        "gauge": {"value_double", "exemplars"},
        "sum": {"value_int", "temporality", "is_monotonic", "exemplars"},
        "histogram": {
            *("temporality", "count", "sum", "min", "max", "bucket_counts", "explicit_bounds"),
            "exemplars",
        },
        "exponential_histogram": {
            *("temporality", "count", "scale", "zero_count", "zero_threshold"),
            *("positive_offset", "positive_bucket_counts", "exemplars"),
        },
        "summary": {"count", "sum", "quantiles"},
    }


def test_a_point_without_a_value_has_neither_a_double_nor_an_integer() -> None:
    [row] = _rows(_metric("gauge", NumberDataPoint(flags=1)))
    assert (row["value_double"], row["value_int"], row["flags"]) == (None, None, 1)


def test_each_point_carries_what_describes_its_metric() -> None:
    metadata = [KeyValue(key="k", value=AnyValue(bool_value=True))]
    points = [NumberDataPoint(time_unix_nano=time) for time in (1, 2)]
    described = _metric("sum", *points, unit="s", description="d", metadata=metadata)
    described.sum.is_monotonic = True
    described.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    rows = _rows(_metric("sum", NumberDataPoint(time_unix_nano=3)), described)
    names = ("time_ns", "unit", "description", "metadata", "metadata_types", "is_monotonic")
    assert [tuple(row[name] for name in (*names, "temporality")) for row in rows] == [
        (3, None, None, [], "", False, 0),
        (1, "s", "d", [("k", "true")], "b", True, 2),
        (2, "s", "d", [("k", "true")], "b", True, 2),
    ]


def test_counts_above_63_bits_are_twos_complement() -> None:
    point = HistogramDataPoint(count=2**64 - 1, bucket_counts=[2**63, 1])
    [row] = _rows(_metric("histogram", point))
    assert (row["count"], row["bucket_counts"]) == (-1, [-(2**63), 1])


def test_an_exemplar_keeps_its_value_ids_and_attributes() -> None:
    exemplar = Exemplar(
        time_unix_nano=7,
        as_int=4,
        trace_id=b"\xaa",
        filtered_attributes=[KeyValue(key="k", value=AnyValue(string_value="v"))],
    )
    [row] = _rows(_metric("gauge", NumberDataPoint(exemplars=[exemplar])))
    assert row["exemplars"] == [
        {
            "time_ns": 7,
            "value_double": None,
            "value_int": 4,
            "trace_id": "aa",
            "span_id": None,
            "attributes": [("k", "v")],
            "attribute_types": "s",
            "attributes_raw": None,
        }
    ]


@pytest.mark.parametrize("kind", _TYPES)
def test_a_metric_without_points_leaves_no_row(kind: str) -> None:
    assert _rows(Metric(name="no data"), _metric(kind)) == []

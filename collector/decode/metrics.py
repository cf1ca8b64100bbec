"""Data points of the five metric types as rows of the table `metric_point`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import (
    Ints,
    integers,
    list_of_structs,
    none_if_empty,
    open_list,
    parents,
    signed,
    signed_lists,
)
from .attributes import TRIPLE, Attributes
from .ids import hex_ids
from .typed_columns import typed_columns
from .values import at_most_one_member

_TYPED = typed_columns("metric_point")
_METADATA = ("metadata", "metadata_types", "metadata_raw")
_QUANTILE = pa.struct([("quantile", pa.float64()), ("value", pa.float64())])
_EXEMPLAR = pa.struct(
    [
        ("time_ns", pa.int64()),
        ("value_double", pa.float64()),
        ("value_int", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        *TRIPLE,
    ]
)
METRIC_POINT = pa.schema(
    [
        ("received_ns", pa.int64()),
        ("origin", pa.string()),
        ("name", pa.string()),
        ("description", pa.string()),
        ("unit", pa.string()),
        ("type", pa.string()),
        ("temporality", pa.int32()),
        ("is_monotonic", pa.bool_()),
        *((name, arrow_type) for name, (_, arrow_type) in zip(_METADATA, TRIPLE, strict=True)),
        ("start_ns", pa.int64()),
        ("time_ns", pa.int64()),
        ("value_double", pa.float64()),
        ("value_int", pa.int64()),
        ("count", pa.int64()),
        ("sum", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("bucket_counts", pa.list_(pa.int64())),
        ("explicit_bounds", pa.list_(pa.float64())),
        ("scale", pa.int32()),
        ("zero_count", pa.int64()),
        ("zero_threshold", pa.float64()),
        ("positive_offset", pa.int32()),
        ("positive_bucket_counts", pa.list_(pa.int64())),
        ("negative_offset", pa.int32()),
        ("negative_bucket_counts", pa.list_(pa.int64())),
        ("quantiles", pa.list_(_QUANTILE)),
        ("exemplars", pa.list_(_EXEMPLAR)),
        ("flags", pa.int64()),
        ("resource_id", pa.int64()),
        ("scope_id", pa.int64()),
        *TRIPLE,
        *((column.column, column.arrow_type) for column in _TYPED),
    ]
)


def point_columns(metrics: Any) -> tuple[Ints, dict[str, Any]]:
    """The columns of `METRIC_POINT` that a struct array of metrics carries itself, one row a point.

    With them the metric of each row. The points of one metric type lie together; a column that a
    type does not have is NULL.
    """
    at_most_one_member(metrics, _TYPES)
    used = [name for name in _TYPES if metrics.field(name).null_count < len(metrics)]
    kinds = [_points(metrics.field(name), name) for name in used]
    metric_of_point = np.concatenate([metric for metric, _ in kinds] or [np.empty(0, np.intp)])
    columns = {field.name: _stacked(field, kinds) for field in METRIC_POINT}
    for name, column in _metric_columns(metrics).items():
        columns[name] = column.take(integers(metric_of_point))
    return metric_of_point, columns


def _stacked(field: Any, kinds: list[tuple[Ints, dict[str, Any]]]) -> Any:
    """A column of all metric types, one below the other."""
    name, arrow_type = field.name, field.type
    parts = [part.get(name, pa.nulls(len(metric), arrow_type)) for metric, part in kinds]
    return pa.concat_arrays(parts) if parts else pa.nulls(0, arrow_type)


def _metric_columns(metrics: Any) -> dict[str, Any]:
    return {
        "name": metrics.field("name"),
        "description": none_if_empty(metrics.field("description")),
        "unit": none_if_empty(metrics.field("unit")),
        **Attributes(metrics.field("metadata")).columns(_METADATA),
    }


def _points(kind: Any, name: str) -> tuple[Ints, dict[str, Any]]:
    """The points of one metric type: their metrics, and the columns that this type has."""
    offsets, points = open_list(kind.field("data_points"))
    metric = parents(offsets)
    attributes = Attributes(points.field("attributes"))
    columns = {
        "type": pa.repeat(name, len(points)),
        "start_ns": signed(points.field("start_time_unix_nano")),
        "time_ns": signed(points.field("time_unix_nano")),
        "flags": signed(points.field("flags")),
        **_TYPES[name](points),
        **attributes.columns(),
        **attributes.typed(_TYPED),
    }
    if name in _WITH_TEMPORALITY:
        columns["temporality"] = kind.field("aggregation_temporality").take(integers(metric))
    if name in _WITH_EXEMPLARS:
        exemplars = points.field("exemplars")
        columns["exemplars"] = list_of_structs(exemplars, _EXEMPLAR, _exemplar_columns)
    if name == "sum":
        columns["is_monotonic"] = kind.field("is_monotonic").take(integers(metric))
    return metric, columns


def _value_columns(numbers: Any) -> dict[str, Any]:
    """The value of number points and of exemplars: one of the two columns, or neither."""
    at_most_one_member(numbers, ("as_double", "as_int"))
    return {"value_double": numbers.field("as_double"), "value_int": numbers.field("as_int")}


def _histogram_columns(points: Any) -> dict[str, Any]:
    return {
        "count": signed(points.field("count")),
        "sum": points.field("sum"),
        "min": points.field("min"),
        "max": points.field("max"),
        "bucket_counts": signed_lists(points.field("bucket_counts")),
        "explicit_bounds": points.field("explicit_bounds").cast(pa.list_(pa.float64())),
    }


def _exponential_columns(points: Any) -> dict[str, Any]:
    positive, negative = points.field("positive"), points.field("negative")
    return {
        "count": signed(points.field("count")),
        "sum": points.field("sum"),
        "min": points.field("min"),
        "max": points.field("max"),
        "scale": points.field("scale"),
        "zero_count": signed(points.field("zero_count")),
        "zero_threshold": points.field("zero_threshold"),
        "positive_offset": pc.struct_field(positive, "offset"),
        "positive_bucket_counts": signed_lists(pc.struct_field(positive, "bucket_counts")),
        "negative_offset": pc.struct_field(negative, "offset"),
        "negative_bucket_counts": signed_lists(pc.struct_field(negative, "bucket_counts")),
    }


def _summary_columns(points: Any) -> dict[str, Any]:
    return {
        "count": signed(points.field("count")),
        "sum": points.field("sum"),
        "quantiles": points.field("quantile_values").cast(pa.list_(_QUANTILE)),
    }


def _exemplar_columns(exemplars: Any) -> dict[str, Any]:
    return {
        "time_ns": signed(exemplars.field("time_unix_nano")),
        "trace_id": hex_ids(exemplars.field("trace_id")),
        "span_id": hex_ids(exemplars.field("span_id")),
        **_value_columns(exemplars),
        **Attributes(exemplars.field("filtered_attributes")).columns(),
    }


_TYPES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "gauge": _value_columns,
    "sum": _value_columns,
    "histogram": _histogram_columns,
    "exponential_histogram": _exponential_columns,
    "summary": _summary_columns,
}
_WITH_TEMPORALITY = {"sum", "histogram", "exponential_histogram"}
_WITH_EXEMPLARS = {"gauge", "sum", "histogram", "exponential_histogram"}

"""One span with all that it carries, for the panel beside the waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from spanscore.instrumentation.conventions import SPAN_START_EVENT

from .reads import Row, rows

CUT_CHARACTERS = 16_384
"""Longer values are cut, and say so, unless all is asked for."""

_COLUMNS = """
    trace_id, span_id, parent_span_id, name, kind, role, origin, start_ns, duration_ns, start_time,
    end_time, status_code, status_message, service_name, scope_name, scope_version, trace_state,
    dropped_attributes_count, dropped_events_count, dropped_links_count, received_time,
    attributes, attribute_types, resource, events, links
"""

_SPAN = f"""
SELECT {_COLUMNS} FROM spans
WHERE trace_id = $trace AND span_id = $span AND start_ns BETWEEN {{first}} AND {{last}}
ORDER BY origin <> $origin, origin NOT IN ('harness', 'import'), start_ns
LIMIT 1
"""

_OF_RUN = f"""
SELECT {_COLUMNS} FROM spans
WHERE run_id = $run AND span_id IN (SELECT unnest($spans))
"""

_WINDOW = """
SELECT window_start_ns AS first, window_end_ns AS last FROM trace
WHERE trace_id = $trace AND window_start_ns IS NOT NULL
"""

_BEGUN = """
SELECT
    trace_id, span_id, role AS name, role, origin, time_ns AS start_ns, time AS start_time,
    service_name, scope_name, scope_version, received_time, attributes, attribute_types, resource
FROM logs
WHERE trace_id = $trace AND span_id = $span AND event_name = $event
LIMIT 1
"""

_TYPES = {
    "s": "string",
    "i": "int",
    "d": "double",
    "b": "boolean",
    "y": "bytes",
    "a": "array",
    "m": "map",
    "n": "none",
    "-": "left out",
}


def read_span(
    cursor: duckdb.DuckDBPyConnection, trace_id: str, span_id: str, origin: str, *, whole: bool
) -> Row | None:
    """A span ready for JSON, or the record of its start if it has not ended; None if neither is.

    Attributes are rows of name, value and type. Nanoseconds are texts: JavaScript's numbers do not
    hold them. Values are cut to CUT_CHARACTERS unless `whole`.
    """
    window = rows(cursor, _WINDOW, {"trace": trace_id})
    given = {"trace": trace_id, "span": span_id}
    found = rows(cursor, _SPAN.format(**window[0]), {**given, "origin": origin}) if window else []
    found = found or rows(cursor, _BEGUN, {**given, "event": SPAN_START_EVENT})
    return _for_json(found[0], CUT_CHARACTERS if not whole else None) if found else None


def read_spans(
    cursor: duckdb.DuckDBPyConnection, run_id: str, texts: Sequence[Sequence[Any]], cut: int
) -> list[Row | None]:
    """The spans of a waterfall's rows (trace, span, origin, ...), ready for JSON, values cut to
    `cut` characters; None for a phase that has not ended."""
    given = {"run": run_id, "spans": [text[1] for text in texts]}
    found = {
        (span["trace_id"], span["span_id"], span["origin"]): span
        for span in rows(cursor, _OF_RUN, given)
    }
    spans = [found.get((text[0], text[1], text[2])) for text in texts]
    return [None if span is None else _for_json(span, cut) for span in spans]


def _for_json(span: Row, cut: int | None) -> Row:
    told: Row = {
        key: value for key, value in span.items() if key not in ("attribute_types", "resource")
    }
    for key, value in told.items():
        if key.endswith("_ns"):
            told[key] = str(value)
    told["attributes"] = _attributes(span["attributes"], span["attribute_types"], cut)
    told["resource"] = _attributes(span["resource"], None, cut)
    told["events"] = [
        {
            "time_ns": str(event["time_ns"]),
            "name": event["name"],
            "attributes": _attributes(event["attributes"], event["attribute_types"], cut),
        }
        for event in span.get("events") or []
    ]
    told["links"] = [
        {
            "trace_id": link["trace_id"],
            "span_id": link["span_id"],
            "attributes": _attributes(link["attributes"], link["attribute_types"], cut),
        }
        for link in span.get("links") or []
    ]
    return told


def _attributes(
    values: dict[str, Any] | None, types: str | None, cut: int | None
) -> list[list[Any]]:
    """Rows of name, value and type, by name."""
    given = values or {}
    kinds = types if types is not None and len(types) == len(given) else "s" * len(given)
    found = [
        [key, _cut(value, cut), _TYPES.get(kind, kind)]
        for (key, value), kind in zip(given.items(), kinds, strict=True)
    ]
    return sorted(found, key=lambda row: str(row[0]))


def _cut(value: str | None, cut: int | None) -> str | None:
    if value is None or cut is None or len(value) <= cut:
        return value
    return f"{value[:cut]}\u2026 [{len(value):,} characters; the raw JSON has them all]"

"""What a waterfall is made of: the spans of a run, its open phases, and how its calls went."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from spanscore.instrumentation.conventions import PARENTS

from .reads import Row, rows

MAX_ROWS = 200_000
"""Spans that a waterfall shows; of a larger run those that say most, and it says so."""

_WINDOW = """
SELECT coalesce(min(window_start_ns), 0) AS first, coalesce(max(window_end_ns), -1) AS last
FROM trace WHERE run_id = $run
"""

# The window as constants: only they let DuckDB pass over the blocks of other times.
_SPANS = """
WITH found AS (
    SELECT
        trace_id, span_id, parent_span_id, origin, name, role, start_ns, duration_ns,
        status_code = 'ERROR' AS is_error, gen_ai_operation_name AS operation,
        gen_ai_tool_name AS tool,
        coalesce(gen_ai_response_model, gen_ai_request_model) AS model,
        http_response_status_code AS http_status, false AS is_open
    FROM spans
    WHERE run_id = $run AND start_ns BETWEEN {first} AND {last}
    {limit}
),

phase AS (
    SELECT trace_id, span_id, {parent_role} AS parent_role, role, start_ns
    FROM open_phases
    WHERE run_id = $run
),

opened AS (
    SELECT
        o.trace_id, o.span_id, p.span_id AS parent_span_id, 'harness' AS origin, o.role AS name,
        o.role, o.start_ns, CAST(0 AS BIGINT) AS duration_ns, false AS is_error,
        CAST(NULL AS VARCHAR) AS operation, CAST(NULL AS VARCHAR) AS tool,
        CAST(NULL AS VARCHAR) AS model, CAST(NULL AS BIGINT) AS http_status, true AS is_open
    FROM phase AS o
    LEFT JOIN phase AS p ON p.role = o.parent_role AND p.trace_id = o.trace_id
),

call AS (
    SELECT
        trace_id, span_id, count(*) AS attempts, max(attempt) AS attempt,
        bool_or(error_type IS NULL) AS is_answered, max(error_type) AS error_type,
        max(http_status) AS http_status,
        CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
        CAST(sum(output_tokens) AS BIGINT) AS output_tokens, any_value(purpose) AS purpose
    FROM model_calls
    WHERE run_id = $run AND source <> 'log'
    GROUP BY trace_id, span_id
),

used AS (
    SELECT trace_id, span_id, any_value(tool) AS tool, any_value(timing) AS timing
    FROM tool_calls
    WHERE run_id = $run AND source <> 'log'
    GROUP BY trace_id, span_id
)

SELECT
    s.trace_id, s.span_id, s.parent_span_id, s.origin, s.name, s.role, s.start_ns, s.duration_ns,
    s.is_error OR coalesce(NOT c.is_answered, false) AS is_error, s.is_open,
    c.span_id IS NOT NULL OR coalesce(s.operation IN ('chat', 'text_completion'), false)
        OR coalesce(s.role = 'model_call', false) AS is_call,
    u.span_id IS NOT NULL OR coalesce(s.operation = 'execute_tool', false)
        OR coalesce(s.role = 'tool_call', false) AS is_tool,
    coalesce(s.tool, u.tool) AS tool, s.model,
    coalesce(c.http_status, s.http_status) AS http_status, c.error_type, c.attempts, c.attempt,
    c.input_tokens, c.output_tokens, c.purpose, u.timing
FROM (SELECT * FROM found UNION ALL SELECT * FROM opened) AS s
LEFT JOIN call AS c ON c.trace_id = s.trace_id AND c.span_id = s.span_id
LEFT JOIN used AS u ON u.trace_id = s.trace_id AND u.span_id = s.span_id
ORDER BY s.origin NOT IN ('harness', 'import'), s.start_ns, s.span_id
"""

_SAYS_MOST = """
ORDER BY
    role IS NULL, gen_ai_operation_name IS NULL, status_code <> 'ERROR',
    parent_span_id IS NOT NULL, start_ns, span_id
LIMIT {most}
"""

_CALLS = """
SELECT
    trace_id, span_id, call_id, attempt, start_ns, end_ns, error_type IS NOT NULL AS is_failed,
    input_tokens, output_tokens, tokens_unknown
FROM model_calls
WHERE run_id = $run
ORDER BY start_ns, attempt
"""

_TOOLS = """
SELECT tool, start_ns, end_ns FROM tool_calls WHERE run_id = $run ORDER BY start_ns
"""

_RUN = """
SELECT k.computed_at_ns, k.spans, r.status, r.start_ns, r.end_ns
FROM marts.kept_run AS k
JOIN runs AS r USING (run_id)
WHERE k.run_id = $run
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What was read of one run at one moment; `spans` has the harness' first, then by start."""

    run: Row
    spans: pa.Table
    calls: pa.Table
    tools: pa.Table


def read_version(cursor: duckdb.DuckDBPyConnection, run_id: str) -> Row | None:
    """When the run was computed, its size, status and bounds; None when there is no such run."""
    found = rows(cursor, _RUN, {"run": run_id})
    return found[0] if found else None


def read_parts(
    cursor: duckdb.DuckDBPyConnection, run_id: str, most: int | None = None
) -> Parts | None:
    """All that the waterfall of a run is made of; None when there is no such run.

    Of more than `most` spans (None: MAX_ROWS) those that say most.
    """
    most = MAX_ROWS if most is None else most
    run = read_version(cursor, run_id)
    if run is None:
        return None
    given = {"run": run_id}
    [window] = rows(cursor, _WINDOW, given)
    limit = _SAYS_MOST.format(most=most) if run["spans"] > most else ""
    cases = " ".join(f"WHEN '{role}' THEN '{of}'" for role, of in PARENTS.items() if of)
    sql = _SPANS.format(**window, limit=limit, parent_role=f"CASE role {cases} END")
    return Parts(
        run,
        cursor.sql(sql, params=given).to_arrow_table(),
        cursor.sql(_CALLS, params=given).to_arrow_table(),
        cursor.sql(_TOOLS, params=given).to_arrow_table(),
    )

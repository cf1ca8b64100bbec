-- Tool calls in the OpenInference conventions: spans of the kind TOOL.
-- Grain: a tool call.
-- Columns: those of stg_tools
SELECT
    s.run_id,
    'openinference' AS dialect,
    'span' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.start_ns,
    s.end_ns,
    'measured' AS timing,
    s.attributes['tool_call.id'] AS match_id,
    coalesce(s.attributes['tool.name'], s.attributes['tool_call.function.name'], s.name) AS tool,
    s.is_error,
    CAST(NULL AS BIGINT) AS exit_code
FROM stg_spans AS s
WHERE s.attributes['openinference.span.kind'] = 'TOOL' AND s.role IS NULL

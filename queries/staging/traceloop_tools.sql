-- Tool calls in Traceloop's conventions (OpenLLMetry): spans of the kind `tool`.
-- Grain: a tool call.
-- Columns: those of stg_tools
SELECT
    s.run_id,
    'traceloop' AS dialect,
    'span' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.start_ns,
    s.end_ns,
    'measured' AS timing,
    s.tool_call_id AS match_id,
    coalesce(s.attributes['traceloop.entity.name'], s.tool, s.name) AS tool,
    s.is_error,
    CAST(NULL AS BIGINT) AS exit_code
FROM stg_spans AS s
WHERE s.attributes['traceloop.span.kind'] = 'tool'
    AND coalesce(s.operation, '') <> 'execute_tool'
    AND s.role IS NULL
    AND s.attributes['openinference.span.kind'] IS NULL

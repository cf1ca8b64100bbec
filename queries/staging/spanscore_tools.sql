-- Tool calls told by the harness: spans with the role `tool_call`, most derived by the recording
-- proxy.
-- Grain: a tool call.
-- Columns: those of stg_tools
SELECT
    s.run_id,
    'spanscore' AS dialect,
    'proxy' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.start_ns,
    s.end_ns,
    coalesce(s.attributes['spanscore.timing'], 'measured') AS timing,
    s.tool_call_id AS match_id,
    s.tool,
    coalesce(s.attributes['spanscore.tool.is_error'] = 'true', s.exit_code <> 0) AS is_error,
    s.exit_code
FROM stg_spans AS s
WHERE s.role = 'tool_call'

-- Tool calls in OTel's GenAI conventions: Copilot, and any SDK that follows them.
-- Grain: a tool call.
-- Columns: those of stg_tools
SELECT
    s.run_id,
    'gen_ai' AS dialect,
    'span' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.start_ns,
    s.end_ns,
    'measured' AS timing,
    s.tool_call_id AS match_id,
    coalesce(s.tool, s.name) AS tool,
    CASE WHEN s.is_error OR s.error_type IS NOT NULL THEN true ELSE s.exit_code <> 0 END
        AS is_error,
    s.exit_code
FROM stg_spans AS s
WHERE s.operation = 'execute_tool'
    AND s.role IS NULL
    AND coalesce(s.scope_name, '') NOT IN ('com.anthropic.claude_code.tracing', 'qwen-code')
    AND s.attributes['openinference.span.kind'] IS NULL

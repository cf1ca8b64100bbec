-- Tool calls of opencode and others that use the AI SDK: `ai.toolCall`, else opencode's
-- `Tool.execute`.
-- Grain: a tool call.
-- Columns: those of stg_tools
WITH tool AS (
    SELECT
        s.*,
        coalesce(s.attributes['ai.toolCall.id'], s.attributes['tool.call_id']) AS match_id,
        row_number() OVER (
            PARTITION BY
                s.run_id,
                coalesce(s.attributes['ai.toolCall.id'], s.attributes['tool.call_id'], s.span_id)
            ORDER BY s.name, s.start_ns, s.span_id
        ) AS choice
    FROM stg_spans AS s
    WHERE s.name IN ('ai.toolCall', 'Tool.execute')
)

-- Both are sent for one call when opencode's `experimental.openTelemetry` is on.
SELECT
    t.run_id,
    'ai_sdk' AS dialect,
    'span' AS source,
    t.trace_id,
    t.span_id,
    t.parent_span_id,
    t.start_ns,
    t.end_ns,
    'measured' AS timing,
    t.match_id,
    coalesce(t.attributes['ai.toolCall.name'], t.attributes['tool.name']) AS tool,
    t.is_error,
    CAST(NULL AS BIGINT) AS exit_code
FROM tool AS t
WHERE t.choice = 1

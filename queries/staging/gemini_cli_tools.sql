-- Gemini CLI's tool calls: spans `tool_call`, and its log events where no span tells.
-- Grain: a tool call.
-- Columns: those of stg_tools
WITH result AS (
    SELECT
        l.*,
        l.attributes['function_name'] AS tool,
        row_number() OVER (
            PARTITION BY l.run_id, l.trace_id, l.span_id, l.attributes['function_name']
            ORDER BY l.time_ns
        ) AS nth
    FROM stg_logs AS l
    WHERE l.event = 'gemini_cli.tool_call'
),

-- A record carries the ids of the span that scheduled the call: of several calls, in their order.
tool AS (
    SELECT
        s.*,
        row_number() OVER (
            PARTITION BY s.run_id, s.trace_id, s.parent_span_id, s.tool ORDER BY s.end_ns, s.span_id
        ) AS nth
    FROM stg_spans AS s
    WHERE s.scope_name = 'gemini-cli' AND s.name = 'tool_call'
)

SELECT
    t.run_id,
    'gemini_cli' AS dialect,
    'span' AS source,
    t.trace_id,
    t.span_id,
    t.parent_span_id,
    t.start_ns,
    t.end_ns,
    'measured' AS timing,
    t.attributes['gen_ai.tool.call_id'] AS match_id,
    t.tool,
    CASE WHEN t.is_error THEN true ELSE r.attributes['success'] = 'false' END AS is_error,
    CAST(NULL AS BIGINT) AS exit_code
FROM tool AS t
LEFT JOIN result AS r
    ON r.run_id = t.run_id
        AND r.trace_id = t.trace_id
        AND r.span_id = t.parent_span_id
        AND r.tool = t.tool
        AND r.nth = t.nth
UNION ALL
SELECT
    r.run_id,
    'gemini_cli',
    'log',
    r.trace_id,
    r.span_id,
    NULL,
    coalesce(r.start_ns, r.time_ns),
    r.time_ns,
    'reported',
    NULL,
    r.tool,
    r.attributes['success'] = 'false',
    NULL
FROM result AS r
LEFT JOIN tool AS t
    ON t.run_id = r.run_id
        AND t.trace_id = r.trace_id
        AND t.parent_span_id = r.span_id
        AND t.tool = r.tool
        AND t.nth = r.nth
WHERE t.run_id IS NULL

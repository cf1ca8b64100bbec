-- Qwen Code's tool calls: spans `qwen-code.tool`, and its log events where no span tells.
-- Grain: a tool call.
-- Columns: those of stg_tools
WITH result AS (
    SELECT
        l.*,
        l.attributes['call_id'] AS match_id,
        row_number() OVER (
            PARTITION BY l.run_id, l.attributes['call_id'] ORDER BY l.time_ns
        ) AS nth
    FROM stg_logs AS l
    WHERE l.event = 'qwen-code.tool_call'
),

execution AS (
    SELECT
        s.*,
        row_number() OVER (
            PARTITION BY s.origin, s.trace_id, s.parent_span_id ORDER BY s.start_ns, s.span_id
        ) AS nth
    FROM stg_spans AS s
    WHERE s.name = 'qwen-code.tool.execution'
),

tool AS (
    SELECT s.*
    FROM stg_spans AS s
    WHERE s.scope_name = 'qwen-code' AND s.name = 'qwen-code.tool'
)

SELECT
    t.run_id,
    'qwen_code' AS dialect,
    'span' AS source,
    t.trace_id,
    t.span_id,
    t.parent_span_id,
    coalesce(x.start_ns, t.start_ns) AS start_ns,
    coalesce(x.end_ns, t.end_ns) AS end_ns,
    'measured' AS timing,
    t.tool_call_id AS match_id,
    coalesce(t.tool, t.attributes['tool_name']) AS tool,
    CASE
        WHEN t.is_error OR x.is_error THEN true
        ELSE coalesce(
            x.attributes['success'] = 'false',
            t.attributes['success'] = 'false',
            r.attributes['success'] = 'false'
        )
    END AS is_error,
    CAST(NULL AS BIGINT) AS exit_code
FROM tool AS t
LEFT JOIN execution AS x
    ON x.origin = t.origin
        AND x.trace_id = t.trace_id
        AND x.parent_span_id = t.span_id
        AND x.nth = 1
LEFT JOIN result AS r ON r.run_id = t.run_id AND r.match_id = t.tool_call_id AND r.nth = 1
UNION ALL
SELECT
    r.run_id,
    'qwen_code',
    'log',
    r.trace_id,
    r.span_id,
    NULL,
    coalesce(r.start_ns, r.time_ns),
    r.time_ns,
    'reported',
    r.match_id,
    r.attributes['function_name'],
    r.attributes['success'] = 'false',
    NULL
FROM result AS r
LEFT JOIN (SELECT DISTINCT run_id, tool_call_id FROM tool) AS same
    ON same.run_id = r.run_id AND same.tool_call_id = r.match_id
WHERE same.run_id IS NULL

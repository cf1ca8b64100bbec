-- Codex's tool calls: spans of the phase `dispatch`, and its log events where no span tells.
-- Grain: a tool call.
-- Columns: those of stg_tools
WITH result AS (
    SELECT
        l.*,
        l.attributes['call_id'] AS match_id,
        TRY_CAST(
            regexp_extract(l.attributes['output'], 'exited with code (-?[0-9]+)', 1) AS BIGINT
        ) AS exit_code,
        row_number() OVER (
            PARTITION BY l.run_id, l.attributes['call_id'] ORDER BY l.time_ns
        ) AS nth
    FROM stg_logs AS l
    WHERE l.event = 'codex.tool_result'
),

tool AS (
    SELECT s.*, s.attributes['call_id'] AS match_id
    FROM stg_spans AS s
    WHERE s.scope_name LIKE 'codex%' AND s.attributes['codex.tool.phase'] = 'dispatch'
)

SELECT
    t.run_id,
    'codex' AS dialect,
    'span' AS source,
    t.trace_id,
    t.span_id,
    t.parent_span_id,
    t.start_ns,
    t.end_ns,
    'measured' AS timing,
    t.match_id,
    coalesce(t.attributes['tool_name'], t.name) AS tool,
    CASE
        WHEN t.attributes['aborted'] = 'true' THEN true
        ELSE r.attributes['success'] = 'false'
    END AS is_error,
    r.exit_code
FROM tool AS t
LEFT JOIN result AS r ON r.run_id = t.run_id AND r.match_id = t.match_id AND r.nth = 1
UNION ALL
SELECT
    r.run_id,
    'codex',
    'log',
    r.trace_id,
    r.span_id,
    NULL,
    coalesce(r.start_ns, r.time_ns),
    r.time_ns,
    'reported',
    r.match_id,
    r.attributes['tool_name'],
    r.attributes['success'] = 'false',
    r.exit_code
FROM result AS r
LEFT JOIN (SELECT DISTINCT run_id, match_id FROM tool) AS same
    ON same.run_id = r.run_id AND same.match_id = r.match_id
WHERE same.run_id IS NULL

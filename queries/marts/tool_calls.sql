-- Every tool call, each once: the agent's own span or record, else what the proxy derived.
-- Grain: a tool call.
-- Kept: by run
-- run_id: VARCHAR: the run it belongs to
-- tool: VARCHAR: the tool
-- started_at: TIMESTAMP: when it began, UTC
-- duration_ms: DOUBLE: how long it took, ms; NULL when nobody told its end
-- timing: VARCHAR: `measured` (live start and end), `derived` (between two model calls) or
--     `reported`
-- is_error: BOOLEAN: whether it failed; NULL when nobody told
-- exit_code: BIGINT: its exit code, where it has one
-- trace_id: VARCHAR: the trace of the span or record that tells it
-- span_id: VARCHAR: that span, or the record's
-- tool_call_id: VARCHAR: the model's id of the call
-- source: VARCHAR: who told it: `proxy`, `span` or `log`
-- dialect: VARCHAR: how it was told: `spanscore`, `gen_ai`, `claude_code`, `codex`, `gemini_cli`,
--     `qwen_code`, `ai_sdk`, `openinference`, `traceloop`
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended; NULL when nobody told
WITH told AS (
    SELECT
        t.*,
        row_number() OVER (
            PARTITION BY t.run_id, t.source = 'proxy', t.tool
            ORDER BY t.start_ns, t.trace_id, t.span_id
        ) AS nth_of_tool
    FROM stg_tools AS t
),

-- The same call told by both: by its id, or where one of them has none, in its turn of that tool.
pair AS (
    SELECT
        p.run_id,
        p.trace_id,
        p.span_id,
        a.source,
        a.trace_id AS agent_trace_id,
        a.span_id AS agent_span_id,
        a.nth_of_tool,
        a.tool,
        p.is_error,
        p.exit_code,
        row_number() OVER (
            PARTITION BY p.run_id, p.trace_id, p.span_id
            ORDER BY CASE WHEN a.match_id = p.match_id THEN 0 ELSE 1 END, a.start_ns, a.span_id
        ) AS choice
    FROM told AS p
    JOIN told AS a
        ON a.run_id = p.run_id
            AND a.source <> 'proxy'
            AND (
                a.match_id = p.match_id
                OR (
                    (a.match_id IS NULL OR p.match_id IS NULL OR a.dialect = 'gemini_cli')
                    AND a.tool = p.tool
                    AND a.nth_of_tool = p.nth_of_tool
                )
            )
    WHERE p.source = 'proxy'
),

once AS (
    SELECT
        t.run_id, t.tool, t.start_ns, t.end_ns, t.timing, t.trace_id, t.span_id, t.match_id,
        t.source, t.dialect,
        coalesce(t.is_error, p.is_error) AS is_error,
        coalesce(t.exit_code, p.exit_code) AS exit_code
    FROM told AS t
    LEFT JOIN (
        SELECT
            run_id, source, agent_trace_id, agent_span_id, tool, nth_of_tool,
            bool_or(is_error) AS is_error,
            max(exit_code) AS exit_code
        FROM pair
        WHERE choice = 1
        GROUP BY run_id, source, agent_trace_id, agent_span_id, tool, nth_of_tool
    ) AS p
        ON p.run_id = t.run_id
            AND p.source = t.source
            AND p.tool = t.tool
            AND p.nth_of_tool = t.nth_of_tool
            AND coalesce(p.agent_span_id, '') = coalesce(t.span_id, '')
    WHERE t.source <> 'proxy'
    UNION ALL
    SELECT
        t.run_id, t.tool, t.start_ns, t.end_ns, t.timing, t.trace_id, t.span_id, t.match_id,
        t.source, t.dialect, t.is_error, t.exit_code
    FROM told AS t
    LEFT JOIN pair AS p
        ON p.run_id = t.run_id
            AND p.trace_id = t.trace_id
            AND p.span_id = t.span_id
            AND p.choice = 1
    WHERE t.source = 'proxy' AND p.run_id IS NULL
)

SELECT
    o.run_id,
    o.tool,
    make_timestamp(o.start_ns // 1000) AS started_at,
    (o.end_ns - o.start_ns) / 1000000.0 AS duration_ms,
    o.timing,
    o.is_error,
    o.exit_code,
    o.trace_id,
    o.span_id,
    o.match_id AS tool_call_id,
    o.source,
    o.dialect,
    o.start_ns,
    o.end_ns
FROM once AS o

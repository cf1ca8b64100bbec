-- Every attempt to call a model, each once, however many told it: the proxy first, then spans, then
-- logs.
-- Grain: an HTTP attempt to call a model.
-- run_id: VARCHAR: the run it belongs to
-- dialect: VARCHAR: how it was told: `spanscore`, `gen_ai`, `claude_code`, `codex`, `gemini_cli`,
--     `qwen_code`, `ai_sdk`, `openinference`, `traceloop`
-- source: VARCHAR: `proxy`, `span` or `log`
-- trace_id: VARCHAR: the trace of the span or record that tells it
-- span_id: VARCHAR: that span, or the record's
-- lane: VARCHAR: in one lane an attempt after a failed one is its retry
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended; NULL when nobody told
-- timing: VARCHAR: `measured`, `derived` or `reported`
-- purpose: VARCHAR: `main`, or `auxiliary` for titles, commit messages and the like
-- request_hash: VARCHAR: hash of the request's body
-- provider: VARCHAR: who serves the model
-- request_model: VARCHAR: the model that was asked for
-- response_model: VARCHAR: the model that answered
-- input_tokens: BIGINT: tokens in, with those read from and written to a cache
-- output_tokens: BIGINT: tokens out, with reasoning
-- cache_read_tokens: BIGINT: of those in: read from a cache
-- cache_creation_tokens: BIGINT: of those in: written to a cache
-- reasoning_tokens: BIGINT: of those out: reasoning
-- first_token_ms: DOUBLE: from the request to the first of the answer, ms
-- finish_reason: VARCHAR: why the model stopped, in the words of the provider
-- http_status: BIGINT: the answer's status; NULL when nobody told
-- error_type: VARCHAR: what failed, `_OTHER` when nobody told; NULL only on success
-- reported_cost_usd: DOUBLE: what the sender says it cost
-- call_id: VARCHAR: the call; its attempts share it
-- attempt: BIGINT: the number of this attempt among those of its call, from 1
WITH told AS (
    SELECT c.*, lower(regexp_replace(c.request_model, '^.*/', '')) AS model_key
    FROM stg_calls AS c
),

proxied AS (
    SELECT DISTINCT t.run_id, t.model_key
    FROM told AS t
    WHERE t.source = 'proxy'
),

-- What an agent says of calls to a model that the proxy carried is the same calls again.
agent AS (
    SELECT t.*, p.run_id IS NOT NULL AS is_proxied
    FROM told AS t
    LEFT JOIN (
        SELECT run_id, model_key FROM proxied
        UNION
        SELECT run_id, NULL FROM proxied
    ) AS p
        ON p.run_id = t.run_id
            AND coalesce(p.model_key, '') = coalesce(t.model_key, '')
    -- A span around the model call of another instrumentation repeats it.
    LEFT JOIN (
        SELECT DISTINCT run_id, trace_id, parent_span_id
        FROM told
        WHERE source = 'span'
            AND dialect IN ('gen_ai', 'openinference', 'traceloop', 'ai_sdk')
            AND parent_span_id IS NOT NULL
    ) AS inner_call
        ON inner_call.run_id = t.run_id
            AND inner_call.trace_id = t.trace_id
            AND inner_call.parent_span_id = t.span_id
            AND t.source = 'span'
    WHERE t.source <> 'proxy' AND inner_call.run_id IS NULL
),

-- The usage that an answer seen by the proxy lacked, from the agent's own record of the same call.
pair AS (
    SELECT
        p.trace_id,
        p.span_id,
        a.input_tokens,
        a.output_tokens,
        a.cache_read_tokens,
        a.cache_creation_tokens,
        a.reasoning_tokens,
        row_number() OVER (
            PARTITION BY p.run_id, p.trace_id, p.span_id
            ORDER BY
                CASE WHEN a.match_id = p.match_id THEN 0 ELSE 1 END,
                CASE WHEN a.span_id = p.parent_span_id THEN 0 ELSE 1 END,
                a.start_ns DESC,
                a.span_id
        ) AS agent_choice,
        row_number() OVER (
            PARTITION BY a.run_id, a.source, a.trace_id, a.span_id, a.start_ns
            ORDER BY
                CASE WHEN a.match_id = p.match_id THEN 0 ELSE 1 END,
                CASE WHEN a.span_id = p.parent_span_id THEN 0 ELSE 1 END,
                p.start_ns,
                p.span_id
        ) AS proxy_choice
    FROM told AS p
    JOIN agent AS a
        ON a.run_id = p.run_id
            AND a.is_proxied
            AND a.error_type IS NULL
            AND (
                a.match_id = p.match_id
                OR (a.trace_id = p.trace_id AND a.span_id = p.parent_span_id)
                OR (
                    (a.match_id IS NULL OR p.match_id IS NULL)
                    AND p.start_ns BETWEEN a.start_ns - 5000000 AND a.end_ns
                )
            )
    WHERE p.source = 'proxy'
        AND p.error_type IS NULL
        AND (p.input_tokens IS NULL OR p.output_tokens IS NULL)
),

attempt AS (
    SELECT
        t.run_id, t.dialect, t.source, t.trace_id, t.span_id, t.lane, t.start_ns, t.end_ns,
        t.timing, t.purpose, t.request_hash, t.provider, t.request_model, t.response_model,
        coalesce(t.input_tokens, p.input_tokens) AS input_tokens,
        coalesce(t.output_tokens, p.output_tokens) AS output_tokens,
        coalesce(t.cache_read_tokens, p.cache_read_tokens) AS cache_read_tokens,
        coalesce(t.cache_creation_tokens, p.cache_creation_tokens) AS cache_creation_tokens,
        coalesce(t.reasoning_tokens, p.reasoning_tokens) AS reasoning_tokens,
        t.first_token_ms, t.finish_reason, t.http_status, t.error_type, t.reported_cost_usd
    FROM told AS t
    LEFT JOIN pair AS p
        ON p.trace_id = t.trace_id
            AND p.span_id = t.span_id
            AND p.agent_choice = 1
            AND p.proxy_choice = 1
    WHERE t.source = 'proxy'
    UNION ALL
    SELECT
        a.run_id, a.dialect, a.source, a.trace_id, a.span_id, a.lane, a.start_ns, a.end_ns,
        a.timing, a.purpose, a.request_hash, a.provider, a.request_model, a.response_model,
        a.input_tokens, a.output_tokens, a.cache_read_tokens, a.cache_creation_tokens,
        a.reasoning_tokens, a.first_token_ms, a.finish_reason, a.http_status, a.error_type,
        a.reported_cost_usd
    FROM agent AS a
    WHERE NOT a.is_proxied
),

-- In one lane an attempt after a failed one is its retry; any other begins a call.
ordered AS (
    SELECT
        a.*,
        lag(a.error_type) OVER (
            PARTITION BY a.run_id, a.dialect, a.purpose, a.lane
            ORDER BY a.start_ns, a.end_ns, a.trace_id, a.span_id
        ) IS NULL AS begins_call
    FROM attempt AS a
),

numbered AS (
    SELECT
        o.*,
        sum(CASE WHEN o.begins_call THEN 1 ELSE 0 END) OVER (
            PARTITION BY o.run_id, o.dialect, o.purpose, o.lane
            ORDER BY o.start_ns, o.end_ns, o.trace_id, o.span_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS call_number
    FROM ordered AS o
)

SELECT
    n.run_id, n.dialect, n.source, n.trace_id, n.span_id, n.lane, n.start_ns, n.end_ns, n.timing,
    n.purpose, n.request_hash, n.provider, n.request_model, n.response_model,
    CASE WHEN n.input_tokens >= 0 THEN n.input_tokens END AS input_tokens,
    CASE WHEN n.output_tokens >= 0 THEN n.output_tokens END AS output_tokens,
    CASE WHEN n.cache_read_tokens >= 0 THEN n.cache_read_tokens END AS cache_read_tokens,
    CASE WHEN n.cache_creation_tokens >= 0 THEN n.cache_creation_tokens END
        AS cache_creation_tokens,
    CASE WHEN n.reasoning_tokens >= 0 THEN n.reasoning_tokens END AS reasoning_tokens,
    n.first_token_ms, n.finish_reason, n.http_status, n.error_type, n.reported_cost_usd,
    first_value(
        CASE
            WHEN n.source = 'log'
                THEN 'log-' || coalesce(CAST(n.start_ns AS VARCHAR), n.span_id, '')
            ELSE n.span_id
        END
    ) OVER (
        PARTITION BY n.run_id, n.dialect, n.purpose, n.lane, n.call_number
        ORDER BY n.start_ns, n.end_ns, n.trace_id, n.span_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS call_id,
    row_number() OVER (
        PARTITION BY n.run_id, n.dialect, n.purpose, n.lane, n.call_number
        ORDER BY n.start_ns, n.end_ns, n.trace_id, n.span_id
    ) AS attempt
FROM numbered AS n

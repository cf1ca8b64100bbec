-- Every attempt to call a model, each once, however many told it: the proxy first, then spans, then
-- logs.
-- Grain: an HTTP attempt to call a model.
-- Kept: by run
-- run_id: VARCHAR: the run it belongs to
-- call_id: VARCHAR: the call; its attempts share it
-- attempt: BIGINT: the number of this attempt among those of its call, from 1
-- started_at: TIMESTAMP: when it began, UTC
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
-- tokens_unknown: BOOLEAN: it may have used tokens that nobody counted: it was answered, or broke
--     off on the way, and a count is missing. What was refused or never arrived used none
-- latency_ms: DOUBLE: how long it took, ms; NULL when nobody told its end
-- first_token_ms: DOUBLE: from the request to the first of the answer, ms
-- finish_reason: VARCHAR: why the model stopped, in the words of the provider
-- http_status: BIGINT: the answer's status; NULL when nobody told
-- error_type: VARCHAR: what failed, `_OTHER` when nobody told; NULL only on success
-- cost_usd: DOUBLE: by the view `prices`; NULL when a price or a count that it needs is unknown
-- priced_as: VARCHAR: the model of `prices` that the cost is reckoned by; NULL: not in the table
-- reported_cost_usd: DOUBLE: what the agent says it cost
-- source: VARCHAR: who told it: `proxy`, `span` or `log`
-- timing: VARCHAR: `measured`, `derived` or `reported`
-- dialect: VARCHAR: how it was told: `spanscore`, `gen_ai`, `claude_code`, `codex`, `gemini_cli`,
--     `qwen_code`, `ai_sdk`, `openinference`, `traceloop`
-- trace_id: VARCHAR: the trace of the span or record that tells it
-- span_id: VARCHAR: that span, or the record's
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended; NULL when nobody told
WITH named AS (
    SELECT
        a.*,
        CAST(make_timestamp(a.start_ns // 1000) AS DATE) AS day,
        coalesce(a.response_model, a.request_model) AS answered_by
    FROM stg_attempts AS a
),

-- openai/gpt-4o-2024-08-06 costs what gpt-4o costs, unless the table lists it by itself.
listed AS (
    SELECT
        m.name,
        p.model,
        row_number() OVER (PARTITION BY m.name ORDER BY length(p.model) DESC) AS choice
    FROM (
        SELECT
            d.name,
            lower(regexp_replace(d.name, '^.*/', '')) AS plain,
            regexp_replace(
                lower(regexp_replace(d.name, '^.*/', '')),
                '[-@](20[0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]|latest)$', ''
            ) AS undated
        FROM (SELECT request_model AS name FROM named UNION SELECT answered_by FROM named) AS d
    ) AS m
    JOIN (SELECT DISTINCT model FROM prices) AS p ON p.model = m.plain OR p.model = m.undated
),

priced AS (
    SELECT
        l.name,
        l.model,
        p.valid_from,
        lead(p.valid_from) OVER (PARTITION BY l.name ORDER BY p.valid_from) AS valid_to,
        p.input_usd,
        p.cached_input_usd,
        p.cache_write_usd,
        p.output_usd
    FROM listed AS l
    JOIN prices AS p ON p.model = l.model
    WHERE l.choice = 1
),

-- The model that answered sets the price; where the table does not know it, the one asked for.
pricing AS (
    SELECT
        n.*,
        CASE WHEN l.name IS NULL THEN n.request_model ELSE n.answered_by END AS priced_as
    FROM named AS n
    LEFT JOIN listed AS l ON l.name = n.answered_by AND l.choice = 1
)

SELECT
    n.run_id,
    n.call_id,
    n.attempt,
    make_timestamp(n.start_ns // 1000) AS started_at,
    n.purpose,
    n.request_hash,
    n.provider,
    n.request_model,
    n.response_model,
    n.input_tokens,
    n.output_tokens,
    n.cache_read_tokens,
    n.cache_creation_tokens,
    n.reasoning_tokens,
    (n.input_tokens IS NULL OR n.output_tokens IS NULL)
    AND NOT coalesce(
        coalesce(n.http_status, TRY_CAST(n.error_type AS BIGINT)) >= 400
        OR lower(n.error_type) IN (
            'connection_refused', 'connection_failed', 'name_resolution_failed', 'replay_exhausted',
            'econnrefused', 'enotfound', 'eai_again'
        ),
        false
    ) AS tokens_unknown,
    (n.end_ns - n.start_ns) / 1000000.0 AS latency_ms,
    n.first_token_ms,
    n.finish_reason,
    n.http_status,
    n.error_type,
    (
        n.input_tokens * p.input_usd
        + n.output_tokens * p.output_usd
        + CASE
            WHEN p.cached_input_usd IS NULL THEN 0.0
            ELSE n.cache_read_tokens * (p.cached_input_usd - p.input_usd)
        END
        + CASE
            WHEN p.cache_write_usd IS NULL THEN 0.0
            ELSE n.cache_creation_tokens * (p.cache_write_usd - p.input_usd)
        END
    ) / 1000000.0 AS cost_usd,
    p.model AS priced_as,
    n.reported_cost_usd,
    n.source,
    n.timing,
    n.dialect,
    n.trace_id,
    n.span_id,
    n.start_ns,
    n.end_ns
FROM pricing AS n
LEFT JOIN priced AS p
    ON p.name = n.priced_as
        AND n.day >= p.valid_from
        AND (n.day < p.valid_to OR p.valid_to IS NULL)

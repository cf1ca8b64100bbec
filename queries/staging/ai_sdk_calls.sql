-- Model calls of opencode and others that use the AI SDK: spans `ai.*.doStream` and
-- `ai.*.doGenerate`.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT s.*
    FROM stg_spans AS s
    WHERE s.name IN (
        'ai.streamText.doStream', 'ai.generateText.doGenerate',
        'ai.streamObject.doStream', 'ai.generateObject.doGenerate'
    )
),

-- The status of a refused request stands in the text of the exception alone.
refusal AS (
    SELECT
        x.origin,
        x.trace_id,
        x.span_id,
        max(x.e.attributes['exception.type']) AS error_type,
        max(TRY_CAST(regexp_extract(
            coalesce(x.e.attributes['exception.message'], '') || ' '
            || coalesce(x.e.attributes['exception.stacktrace'], ''),
            '[sS]tatus(?: ?[cC]ode)?["'':= ]+([45][0-9][0-9])', 1
        ) AS BIGINT)) AS http_status
    FROM (
        SELECT r.origin, r.trace_id, r.span_id, unnest(r.events) AS e
        FROM request AS r
        WHERE r.is_error
    ) AS x
    WHERE x.e.name = 'exception'
    GROUP BY x.origin, x.trace_id, x.span_id
),

-- opencode makes titles on the side: ensureTitle > LLM.run > ai.streamText > the request.
title AS (
    SELECT DISTINCT text.origin, text.trace_id, text.span_id
    FROM stg_spans AS ensure
    JOIN stg_spans AS llm
        ON llm.origin = ensure.origin
            AND llm.trace_id = ensure.trace_id
            AND llm.parent_span_id = ensure.span_id
            AND llm.name = 'LLM.run'
    JOIN stg_spans AS text
        ON text.origin = llm.origin
            AND text.trace_id = llm.trace_id
            AND text.parent_span_id = llm.span_id
            AND text.name = 'ai.streamText'
    WHERE ensure.name = 'SessionPrompt.ensureTitle'
)

SELECT
    r.run_id,
    'ai_sdk' AS dialect,
    'span' AS source,
    r.trace_id,
    r.span_id,
    r.parent_span_id,
    r.trace_id AS lane,
    r.start_ns,
    r.end_ns,
    'measured' AS timing,
    coalesce(r.attributes['ai.response.id'], r.attributes['gen_ai.response.id']) AS match_id,
    CASE WHEN t.span_id IS NULL THEN 'main' ELSE 'auxiliary' END AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    coalesce(r.provider, r.attributes['ai.model.provider']) AS provider,
    coalesce(r.request_model, r.attributes['ai.model.id']) AS request_model,
    coalesce(r.response_model, r.attributes['ai.response.model']) AS response_model,
    CAST(TRY_CAST(coalesce(
        r.attributes['ai.usage.inputTokens'], r.attributes['ai.usage.promptTokens'],
        r.attributes['gen_ai.usage.input_tokens']
    ) AS INTEGER) AS BIGINT) AS input_tokens,
    CAST(TRY_CAST(coalesce(
        r.attributes['ai.usage.outputTokens'], r.attributes['ai.usage.completionTokens'],
        r.attributes['gen_ai.usage.output_tokens']
    ) AS INTEGER) AS BIGINT) AS output_tokens,
    CAST(TRY_CAST(coalesce(
        r.attributes['ai.usage.inputTokenDetails.cacheReadTokens'],
        r.attributes['ai.usage.cachedInputTokens']
    ) AS INTEGER) AS BIGINT) AS cache_read_tokens,
    CAST(TRY_CAST(
        r.attributes['ai.usage.inputTokenDetails.cacheWriteTokens'] AS INTEGER
    ) AS BIGINT) AS cache_creation_tokens,
    CAST(TRY_CAST(coalesce(
        r.attributes['ai.usage.outputTokenDetails.reasoningTokens'],
        r.attributes['ai.usage.reasoningTokens']
    ) AS INTEGER) AS BIGINT) AS reasoning_tokens,
    TRY_CAST(r.attributes['ai.response.msToFirstChunk'] AS DOUBLE) AS first_token_ms,
    coalesce(r.attributes['ai.response.finishReason'], r.finish_reason) AS finish_reason,
    coalesce(r.http_status, f.http_status) AS http_status,
    CASE
        WHEN r.is_error
            THEN coalesce(r.error_type, CAST(f.http_status AS VARCHAR), f.error_type, '_OTHER')
    END AS error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM request AS r
LEFT JOIN refusal AS f
    ON f.origin = r.origin AND f.trace_id = r.trace_id AND f.span_id = r.span_id
LEFT JOIN title AS t
    ON t.origin = r.origin AND t.trace_id = r.trace_id AND t.span_id = r.parent_span_id

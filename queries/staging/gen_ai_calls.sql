-- Model calls in OTel's GenAI conventions: Copilot, litellm, and any SDK that follows them.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT
        s.*,
        coalesce(
            s.error_type,
            CASE WHEN s.http_status >= 400 THEN CAST(s.http_status AS VARCHAR) END,
            CASE WHEN s.is_error THEN '_OTHER' END
        ) AS failure,
        row_number() OVER (
            PARTITION BY s.origin, s.trace_id, s.parent_span_id ORDER BY s.start_ns DESC, s.span_id
        ) AS from_last
    FROM stg_spans AS s
    WHERE s.operation IN ('chat', 'text_completion', 'generate_content')
        AND s.role IS NULL
        AND coalesce(s.scope_name, '') NOT IN (
            'com.anthropic.claude_code.tracing', 'gemini-cli', 'qwen-code'
        )
        AND s.name NOT LIKE 'ai.%'
        AND s.attributes['openinference.span.kind'] IS NULL
),

-- Copilot tells the status of its last failure, and only on the span of the whole conversation.
refusal AS (
    SELECT
        x.origin,
        x.trace_id,
        x.span_id,
        max(TRY_CAST(x.e.attributes['github.copilot.error_status_code'] AS BIGINT)) AS http_status
    FROM (
        SELECT s.origin, s.trace_id, s.span_id, unnest(s.events) AS e
        FROM stg_spans AS s
        WHERE s.scope_name = 'github.copilot' AND s.operation = 'invoke_agent'
    ) AS x
    WHERE x.e.name = 'gen_ai.client.operation.exception'
    GROUP BY x.origin, x.trace_id, x.span_id
)

SELECT
    r.run_id,
    'gen_ai' AS dialect,
    'span' AS source,
    r.trace_id,
    r.span_id,
    r.parent_span_id,
    coalesce(r.parent_span_id, r.run_id) AS lane,
    r.start_ns,
    r.end_ns,
    'measured' AS timing,
    r.attributes['gen_ai.response.id'] AS match_id,
    'main' AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    r.provider,
    r.request_model,
    r.response_model,
    coalesce(
        r.input_tokens,
        CAST(TRY_CAST(r.attributes['gen_ai.usage.prompt_tokens'] AS INTEGER) AS BIGINT)
    ) AS input_tokens,
    coalesce(
        r.output_tokens,
        CAST(TRY_CAST(r.attributes['gen_ai.usage.completion_tokens'] AS INTEGER) AS BIGINT)
    ) AS output_tokens,
    -- litellm writes the rest of its usage as the text of a Python dictionary.
    coalesce(
        r.cache_read_tokens,
        CAST(TRY_CAST(
            r.attributes['gen_ai.usage.cache_read_input_tokens'] AS INTEGER
        ) AS BIGINT),
        CAST(TRY_CAST(regexp_extract(
            r.attributes['metadata.usage_object'], '''cached_tokens'': ([0-9]+)', 1
        ) AS INTEGER) AS BIGINT)
    ) AS cache_read_tokens,
    coalesce(
        r.cache_creation_tokens,
        CAST(TRY_CAST(
            r.attributes['gen_ai.usage.cache_creation_input_tokens'] AS INTEGER
        ) AS BIGINT)
    ) AS cache_creation_tokens,
    coalesce(
        r.reasoning_tokens,
        CAST(TRY_CAST(regexp_extract(
            r.attributes['metadata.usage_object'], '''reasoning_tokens'': ([0-9]+)', 1
        ) AS INTEGER) AS BIGINT)
    ) AS reasoning_tokens,
    TRY_CAST(coalesce(
        r.attributes['gen_ai.response.time_to_first_chunk'],
        r.attributes['gen_ai.server.time_to_first_token']
    ) AS DOUBLE) * 1000.0 AS first_token_ms,
    r.finish_reason,
    coalesce(r.http_status, f.http_status) AS http_status,
    r.failure AS error_type,
    TRY_CAST(r.attributes['gen_ai.cost.total_cost'] AS DOUBLE) AS reported_cost_usd
FROM request AS r
LEFT JOIN refusal AS f
    ON r.from_last = 1
        AND r.failure IS NOT NULL
        AND f.origin = r.origin
        AND f.trace_id = r.trace_id
        AND f.span_id = r.parent_span_id

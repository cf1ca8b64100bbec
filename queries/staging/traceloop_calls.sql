-- Model calls in Traceloop's conventions (OpenLLMetry), where they do not follow OTel's.
-- Grain: an attempt.
-- Columns: those of stg_calls
SELECT
    s.run_id,
    'traceloop' AS dialect,
    'span' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    coalesce(s.parent_span_id, s.run_id) AS lane,
    s.start_ns,
    s.end_ns,
    'measured' AS timing,
    coalesce(s.attributes['gen_ai.response.id'], s.attributes['llm.response.id']) AS match_id,
    'main' AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    coalesce(s.provider, s.attributes['llm.vendor']) AS provider,
    coalesce(s.request_model, s.attributes['llm.request.model']) AS request_model,
    coalesce(s.response_model, s.attributes['llm.response.model']) AS response_model,
    CAST(TRY_CAST(coalesce(
        s.attributes['gen_ai.usage.input_tokens'], s.attributes['gen_ai.usage.prompt_tokens'],
        s.attributes['llm.usage.prompt_tokens']
    ) AS INTEGER) AS BIGINT) AS input_tokens,
    CAST(TRY_CAST(coalesce(
        s.attributes['gen_ai.usage.output_tokens'],
        s.attributes['gen_ai.usage.completion_tokens'],
        s.attributes['llm.usage.completion_tokens']
    ) AS INTEGER) AS BIGINT) AS output_tokens,
    CAST(TRY_CAST(coalesce(
        s.attributes['gen_ai.usage.cache_read_input_tokens'],
        s.attributes['gen_ai.usage.cache_read.input_tokens']
    ) AS INTEGER) AS BIGINT) AS cache_read_tokens,
    CAST(TRY_CAST(coalesce(
        s.attributes['gen_ai.usage.cache_creation_input_tokens'],
        s.attributes['gen_ai.usage.cache_creation.input_tokens']
    ) AS INTEGER) AS BIGINT) AS cache_creation_tokens,
    CAST(TRY_CAST(coalesce(
        s.attributes['gen_ai.usage.reasoning_tokens'], s.attributes['llm.usage.reasoning_tokens']
    ) AS INTEGER) AS BIGINT) AS reasoning_tokens,
    CAST(NULL AS DOUBLE) AS first_token_ms,
    coalesce(
        s.finish_reason,
        s.attributes['gen_ai.completion.0.finish_reason'],
        s.attributes['llm.response.finish_reason']
    ) AS finish_reason,
    s.http_status,
    coalesce(s.error_type, CASE WHEN s.is_error THEN '_OTHER' END) AS error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM stg_spans AS s
WHERE s.attributes['llm.request.type'] IN ('chat', 'completion')
    AND s.operation IS NULL
    AND s.role IS NULL
    AND s.attributes['openinference.span.kind'] IS NULL

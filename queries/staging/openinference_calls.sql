-- Model calls in the OpenInference conventions: spans of the kind LLM.
-- Grain: an attempt.
-- Columns: those of stg_calls
SELECT
    s.run_id,
    'openinference' AS dialect,
    'span' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    coalesce(s.parent_span_id, s.run_id) AS lane,
    s.start_ns,
    s.end_ns,
    'measured' AS timing,
    s.attributes['gen_ai.response.id'] AS match_id,
    'main' AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    coalesce(s.attributes['llm.provider'], s.attributes['llm.system'], s.provider) AS provider,
    coalesce(s.attributes['llm.model_name'], s.request_model) AS request_model,
    s.response_model,
    CAST(TRY_CAST(s.attributes['llm.token_count.prompt'] AS INTEGER) AS BIGINT) AS input_tokens,
    CAST(TRY_CAST(s.attributes['llm.token_count.completion'] AS INTEGER) AS BIGINT)
        AS output_tokens,
    CAST(TRY_CAST(
        s.attributes['llm.token_count.prompt_details.cache_read'] AS INTEGER
    ) AS BIGINT) AS cache_read_tokens,
    CAST(TRY_CAST(
        s.attributes['llm.token_count.prompt_details.cache_write'] AS INTEGER
    ) AS BIGINT) AS cache_creation_tokens,
    CAST(TRY_CAST(
        s.attributes['llm.token_count.completion_details.reasoning'] AS INTEGER
    ) AS BIGINT) AS reasoning_tokens,
    CAST(NULL AS DOUBLE) AS first_token_ms,
    coalesce(s.attributes['llm.finish_reason'], s.finish_reason) AS finish_reason,
    s.http_status,
    coalesce(s.error_type, CASE WHEN s.is_error THEN '_OTHER' END) AS error_type,
    TRY_CAST(s.attributes['llm.cost.total'] AS DOUBLE) AS reported_cost_usd
FROM stg_spans AS s
WHERE s.attributes['openinference.span.kind'] = 'LLM' AND s.role IS NULL

-- The recording proxy's model calls: spans with the role `model_call`, from the harness or an
-- import.
-- Grain: an attempt.
-- Columns: those of stg_calls
SELECT
    s.run_id,
    'spanscore' AS dialect,
    'proxy' AS source,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    coalesce(
        s.attributes['spanscore.call.id'], s.attributes['spanscore.request.hash'], s.parent_span_id
    ) AS lane,
    s.start_ns,
    s.end_ns,
    coalesce(s.attributes['spanscore.timing'], 'measured') AS timing,
    s.attributes['gen_ai.response.id'] AS match_id,
    coalesce(s.attributes['spanscore.call.purpose'], 'main') AS purpose,
    s.attributes['spanscore.request.hash'] AS request_hash,
    s.provider,
    s.request_model,
    s.response_model,
    s.input_tokens,
    s.output_tokens,
    s.cache_read_tokens,
    s.cache_creation_tokens,
    s.reasoning_tokens,
    TRY_CAST(s.attributes['gen_ai.response.time_to_first_chunk'] AS DOUBLE) * 1000.0
        AS first_token_ms,
    s.finish_reason,
    s.http_status,
    coalesce(
        s.error_type,
        CASE WHEN s.http_status >= 400 THEN CAST(s.http_status AS VARCHAR) END,
        CASE WHEN s.is_error THEN '_OTHER' END
    ) AS error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM stg_spans AS s
WHERE s.role = 'model_call'

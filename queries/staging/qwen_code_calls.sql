-- Qwen Code's model calls: the `POST` spans below `qwen-code.llm_request`, else that span, else its
-- logs.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT s.*
    FROM stg_spans AS s
    WHERE s.scope_name = 'qwen-code' AND s.name = 'qwen-code.llm_request'
),

post AS (
    SELECT
        r.origin,
        r.trace_id,
        r.span_id AS request_span_id,
        p.span_id,
        p.start_ns,
        p.end_ns,
        p.is_error,
        p.error_type,
        p.http_status,
        row_number() OVER (
            PARTITION BY r.origin, r.trace_id, r.span_id ORDER BY p.start_ns DESC, p.span_id
        ) = 1 AS is_last
    FROM request AS r
    JOIN stg_spans AS p
        ON p.origin = r.origin
            AND p.trace_id = r.trace_id
            AND p.parent_span_id = r.span_id
            AND p.name = 'POST'
),

event AS (
    SELECT
        l.*,
        row_number() OVER (
            PARTITION BY l.run_id, l.trace_id, l.span_id ORDER BY l.time_ns DESC
        ) AS nth
    FROM stg_logs AS l
    WHERE l.event IN ('qwen-code.api_response', 'qwen-code.api_error')
),

call AS (
    SELECT
        r.run_id,
        'span' AS source,
        r.trace_id,
        coalesce(p.span_id, r.span_id) AS span_id,
        CASE WHEN p.span_id IS NULL THEN r.parent_span_id ELSE r.span_id END AS parent_span_id,
        coalesce(r.parent_span_id, r.trace_id) AS lane,
        coalesce(p.start_ns, r.start_ns) AS start_ns,
        CASE WHEN last.span_id IS NULL THEN p.end_ns ELSE greatest(last.end_ns, p.end_ns) END
            AS end_ns,
        r.attributes['llm_request.context'] AS context,
        r.provider,
        r.request_model,
        last.response_model,
        last.attributes['gen_ai.response.id'] AS match_id,
        last.input_tokens,
        last.output_tokens,
        last.cache_read_tokens,
        last.attributes AS usage,
        -- It is told from the start of the whole request.
        TRY_CAST(last.attributes['ttft_ms'] AS DOUBLE)
        - coalesce(p.start_ns - r.start_ns, 0) / 1000000.0 AS first_token_ms,
        last.finish_reason,
        coalesce(
            p.http_status, last.http_status,
            TRY_CAST(last.attributes['error_status_code'] AS BIGINT), e.http_status
        ) AS http_status,
        CASE
            WHEN last.is_error OR last.attributes['success'] = 'false'
                THEN coalesce(
                    last.error_type, last.attributes['error_type'], e.error_type, '_OTHER'
                )
            WHEN p.is_error OR p.http_status >= 400
                THEN coalesce(p.error_type, CAST(p.http_status AS VARCHAR), '_OTHER')
        END AS error_type
    FROM request AS r
    LEFT JOIN post AS p
        ON p.origin = r.origin AND p.trace_id = r.trace_id AND p.request_span_id = r.span_id
    LEFT JOIN request AS last
        ON coalesce(p.is_last, true)
            AND last.origin = r.origin
            AND last.trace_id = r.trace_id
            AND last.span_id = r.span_id
    LEFT JOIN event AS e
        ON e.run_id = last.run_id
            AND e.trace_id = last.trace_id
            AND e.span_id = last.span_id
            AND e.nth = 1
    UNION ALL
    SELECT
        e.run_id,
        'log',
        e.trace_id,
        e.span_id,
        NULL,
        e.run_id,
        coalesce(e.start_ns, e.time_ns),
        e.time_ns,
        NULL,
        NULL,
        e.attributes['model'],
        NULL,
        e.attributes['response_id'],
        TRY_CAST(e.attributes['input_token_count'] AS INTEGER),
        TRY_CAST(e.attributes['output_token_count'] AS INTEGER),
        TRY_CAST(e.attributes['cached_content_token_count'] AS INTEGER),
        e.attributes,
        TRY_CAST(e.attributes['ttft_ms'] AS DOUBLE),
        NULL,
        e.http_status,
        CASE
            WHEN e.event = 'qwen-code.api_error'
                THEN coalesce(e.error_type, CAST(e.http_status AS VARCHAR), '_OTHER')
        END
    FROM event AS e
    LEFT JOIN (SELECT DISTINCT run_id, trace_id, span_id FROM request) AS same
        ON same.run_id = e.run_id AND same.trace_id = e.trace_id AND same.span_id = e.span_id
    WHERE same.run_id IS NULL
)

SELECT
    c.run_id,
    'qwen_code' AS dialect,
    c.source,
    c.trace_id,
    c.span_id,
    c.parent_span_id,
    c.lane,
    c.start_ns,
    c.end_ns,
    CASE WHEN c.source = 'log' THEN 'reported' ELSE 'measured' END AS timing,
    c.match_id,
    CASE
        WHEN coalesce(c.context, 'interaction') IN ('interaction', 'subagent') THEN 'main'
        ELSE 'auxiliary'
    END AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    c.provider,
    c.request_model,
    c.response_model,
    CAST(c.input_tokens AS BIGINT) AS input_tokens,
    CAST(c.output_tokens AS BIGINT) AS output_tokens,
    CAST(c.cache_read_tokens AS BIGINT) AS cache_read_tokens,
    CAST(NULL AS BIGINT) AS cache_creation_tokens,
    CAST(TRY_CAST(c.usage['thoughts_token_count'] AS INTEGER) AS BIGINT) AS reasoning_tokens,
    CASE WHEN c.first_token_ms >= 0 THEN c.first_token_ms END AS first_token_ms,
    c.finish_reason,
    c.http_status,
    c.error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM call AS c

-- Gemini CLI's model calls: spans `llm_call`, completed from its log events, which stand alone
-- otherwise.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT s.*
    FROM stg_spans AS s
    WHERE s.scope_name = 'gemini-cli' AND s.name = 'llm_call'
),

event AS (
    SELECT
        l.*,
        row_number() OVER (PARTITION BY l.run_id ORDER BY l.time_ns, l.event, l.span_id) AS nth
    FROM stg_logs AS l
    WHERE l.event IN ('gemini_cli.api_response', 'gemini_cli.api_error')
),

-- A failure carries its span's ids. An answer carries none: it is logged just before its span ends.
pair AS (
    SELECT
        e.run_id,
        e.nth,
        r.origin,
        r.trace_id,
        r.span_id,
        row_number() OVER (
            PARTITION BY e.run_id, e.nth
            ORDER BY CASE WHEN e.span_id = r.span_id THEN 0 ELSE 1 END, r.end_ns, r.span_id
        ) AS span_choice,
        row_number() OVER (
            PARTITION BY r.origin, r.trace_id, r.span_id
            ORDER BY CASE WHEN e.span_id = r.span_id THEN 0 ELSE 1 END, e.time_ns DESC, e.nth
        ) AS event_choice
    FROM event AS e
    JOIN request AS r
        ON r.run_id = e.run_id
            AND (
                (r.trace_id = e.trace_id AND r.span_id = e.span_id)
                OR (
                    e.span_id IS NULL
                    AND e.time_ns BETWEEN r.start_ns AND r.end_ns + 50000000
                    AND coalesce(r.input_tokens, -1)
                    = coalesce(TRY_CAST(e.attributes['input_token_count'] AS INTEGER), -1)
                )
            )
),

told AS (
    SELECT
        r.run_id,
        'span' AS source,
        r.trace_id,
        r.span_id,
        r.parent_span_id,
        r.start_ns,
        r.end_ns,
        r.is_error,
        coalesce(r.request_model, e.attributes['model']) AS request_model,
        coalesce(r.response_model, e.attributes['model']) AS response_model,
        coalesce(r.input_tokens, TRY_CAST(e.attributes['input_token_count'] AS INTEGER))
            AS input_tokens,
        coalesce(r.output_tokens, TRY_CAST(e.attributes['output_token_count'] AS INTEGER))
            AS output_tokens,
        e.event,
        e.error_type,
        e.http_status,
        e.attributes
    FROM request AS r
    LEFT JOIN pair AS p
        ON p.origin = r.origin
            AND p.trace_id = r.trace_id
            AND p.span_id = r.span_id
            AND p.span_choice = 1
            AND p.event_choice = 1
    LEFT JOIN event AS e ON e.run_id = p.run_id AND e.nth = p.nth
    UNION ALL
    SELECT
        e.run_id,
        'log',
        e.trace_id,
        e.span_id,
        NULL,
        coalesce(e.start_ns, e.time_ns),
        e.time_ns,
        e.event = 'gemini_cli.api_error',
        e.attributes['model'],
        e.attributes['model'],
        TRY_CAST(e.attributes['input_token_count'] AS INTEGER),
        TRY_CAST(e.attributes['output_token_count'] AS INTEGER),
        e.event,
        e.error_type,
        e.http_status,
        e.attributes
    FROM event AS e
    LEFT JOIN pair AS p
        ON p.run_id = e.run_id AND p.nth = e.nth AND p.span_choice = 1 AND p.event_choice = 1
    WHERE p.run_id IS NULL
)

SELECT
    t.run_id,
    'gemini_cli' AS dialect,
    t.source,
    t.trace_id,
    t.span_id,
    t.parent_span_id,
    t.run_id AS lane,
    t.start_ns,
    t.end_ns,
    CASE WHEN t.source = 'log' THEN 'reported' ELSE 'measured' END AS timing,
    CAST(NULL AS VARCHAR) AS match_id,
    CASE
        WHEN t.attributes['role'] LIKE 'utility%' THEN 'auxiliary'
        ELSE 'main'
    END AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    'gcp.gen_ai' AS provider,
    t.request_model,
    CASE WHEN t.event = 'gemini_cli.api_response' THEN t.response_model END AS response_model,
    CAST(t.input_tokens AS BIGINT) AS input_tokens,
    -- Gemini counts its thoughts beside the output; without that figure the sum is unknown.
    CAST(t.output_tokens AS BIGINT)
    + CAST(TRY_CAST(t.attributes['thoughts_token_count'] AS INTEGER) AS BIGINT) AS output_tokens,
    CAST(TRY_CAST(t.attributes['cached_content_token_count'] AS INTEGER) AS BIGINT)
        AS cache_read_tokens,
    CAST(NULL AS BIGINT) AS cache_creation_tokens,
    CAST(TRY_CAST(t.attributes['thoughts_token_count'] AS INTEGER) AS BIGINT) AS reasoning_tokens,
    CAST(NULL AS DOUBLE) AS first_token_ms,
    nullif(regexp_extract(t.attributes['finish_reasons'], '"([^"]*)"', 1), '') AS finish_reason,
    t.http_status,
    CASE
        WHEN t.event = 'gemini_cli.api_error'
            THEN coalesce(t.error_type, CAST(t.http_status AS VARCHAR), '_OTHER')
        WHEN t.is_error THEN '_OTHER'
    END AS error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM told AS t

-- Codex's model calls: events `codex.api_request` of its spans, and its log events where no span
-- tells.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT s.*
    FROM stg_spans AS s
    WHERE s.scope_name LIKE 'codex%' AND s.name = 'endpoint_session.stream_encoded_json_with'
),

try AS (
    SELECT
        x.run_id,
        x.trace_id,
        x.span_id,
        x.parent_span_id,
        x.e.attributes AS attributes,
        CASE WHEN x.e.time_ns BETWEEN 1 AND 4611686018427387903 THEN x.e.time_ns END AS end_ns
    FROM (
        SELECT r.run_id, r.trace_id, r.span_id, r.parent_span_id, unnest(r.events) AS e
        FROM request AS r
    ) AS x
    WHERE x.e.attributes['event.name'] = 'codex.api_request'
),

-- The event, else the log record with the span's ids (the last spans of a failed run never come),
-- else the span itself, when the request ended without an answer.
told AS (
    SELECT
        t.run_id,
        'span' AS source,
        t.trace_id,
        t.span_id,
        t.parent_span_id,
        t.attributes,
        t.end_ns - CASE
            WHEN TRY_CAST(t.attributes['duration_ms'] AS DOUBLE) BETWEEN 0 AND t.end_ns / 1000000.0
                THEN CAST(TRY_CAST(t.attributes['duration_ms'] AS DOUBLE) * 1000000 AS BIGINT)
            ELSE 0
        END AS start_ns,
        t.end_ns,
        TRY_CAST(t.attributes['http.response.status_code'] AS BIGINT) AS http_status
    FROM try AS t
    UNION ALL
    SELECT
        l.run_id,
        'log',
        l.trace_id,
        l.span_id,
        NULL,
        l.attributes,
        coalesce(l.start_ns, l.time_ns),
        l.time_ns,
        l.http_status
    FROM stg_logs AS l
    LEFT JOIN (SELECT DISTINCT run_id, trace_id, span_id FROM try) AS same
        ON same.run_id = l.run_id AND same.trace_id = l.trace_id AND same.span_id = l.span_id
    WHERE l.event = 'codex.api_request' AND same.run_id IS NULL
    UNION ALL
    SELECT
        r.run_id,
        'span',
        r.trace_id,
        r.span_id,
        r.parent_span_id,
        r.attributes,
        r.start_ns,
        r.end_ns,
        r.http_status
    FROM request AS r
    LEFT JOIN (SELECT DISTINCT run_id, trace_id, span_id FROM try) AS same
        ON same.run_id = r.run_id AND same.trace_id = r.trace_id AND same.span_id = r.span_id
    LEFT JOIN (
        SELECT DISTINCT run_id, trace_id, span_id
        FROM stg_logs
        WHERE event = 'codex.api_request'
    ) AS logged
        ON logged.run_id = r.run_id
            AND logged.trace_id = r.trace_id
            AND logged.span_id = r.span_id
    WHERE same.run_id IS NULL AND logged.run_id IS NULL
),

attempt AS (
    SELECT
        t.*,
        CASE
            WHEN t.http_status BETWEEN 200 AND 299 THEN NULL
            ELSE coalesce(t.attributes['error.type'], CAST(t.http_status AS VARCHAR), '_OTHER')
        END AS error_type,
        row_number() OVER (PARTITION BY t.run_id ORDER BY t.start_ns, t.end_ns, t.span_id) AS nth
    FROM told AS t
),

-- What the answer cost comes apart from the request: in a span, and in a log record without trace.
usage AS (
    SELECT
        s.run_id,
        'span' AS source,
        s.end_ns AS time_ns,
        s.input_tokens,
        s.output_tokens,
        s.cache_read_tokens,
        CAST(TRY_CAST(s.attributes['gen_ai.usage.cache_write.input_tokens'] AS INTEGER) AS BIGINT)
            AS cache_creation_tokens,
        CAST(TRY_CAST(s.attributes['codex.usage.reasoning_output_tokens'] AS INTEGER) AS BIGINT)
            AS reasoning_tokens
    FROM stg_spans AS s
    WHERE s.scope_name LIKE 'codex%' AND s.name = 'handle_responses' AND s.output_tokens IS NOT NULL
    UNION ALL
    SELECT
        l.run_id,
        'log',
        l.time_ns,
        CAST(TRY_CAST(l.attributes['input_token_count'] AS INTEGER) AS BIGINT),
        CAST(TRY_CAST(l.attributes['output_token_count'] AS INTEGER) AS BIGINT),
        CAST(TRY_CAST(l.attributes['cached_token_count'] AS INTEGER) AS BIGINT),
        CAST(TRY_CAST(l.attributes['cache_write_token_count'] AS INTEGER) AS BIGINT),
        CAST(TRY_CAST(l.attributes['reasoning_token_count'] AS INTEGER) AS BIGINT)
    FROM stg_logs AS l
    WHERE l.event = 'codex.sse_event' AND l.attributes['output_token_count'] IS NOT NULL
),

-- It belongs to the last answered request that was made before it.
placed AS (
    SELECT
        u.*,
        a.nth,
        row_number() OVER (
            PARTITION BY u.run_id, u.source, a.nth ORDER BY u.time_ns
        ) AS among
    FROM usage AS u
    JOIN (
        SELECT
            a.run_id,
            a.nth,
            a.start_ns,
            lead(a.start_ns) OVER (PARTITION BY a.run_id ORDER BY a.nth) AS next_ns
        FROM attempt AS a
        WHERE a.error_type IS NULL
    ) AS a
        ON a.run_id = u.run_id
            AND u.time_ns >= a.start_ns
            AND (u.time_ns < a.next_ns OR a.next_ns IS NULL)
)

SELECT
    a.run_id,
    'codex' AS dialect,
    a.source,
    a.trace_id,
    a.span_id,
    a.parent_span_id,
    coalesce(a.trace_id, a.run_id) AS lane,
    a.start_ns,
    greatest(a.end_ns, coalesce(s.time_ns, l.time_ns)) AS end_ns,
    CASE WHEN a.source = 'log' THEN 'reported' ELSE 'measured' END AS timing,
    CAST(NULL AS VARCHAR) AS match_id,
    'main' AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    CAST(NULL AS VARCHAR) AS provider,
    a.attributes['model'] AS request_model,
    CAST(NULL AS VARCHAR) AS response_model,
    coalesce(s.input_tokens, l.input_tokens) AS input_tokens,
    coalesce(s.output_tokens, l.output_tokens) AS output_tokens,
    coalesce(s.cache_read_tokens, l.cache_read_tokens) AS cache_read_tokens,
    coalesce(s.cache_creation_tokens, l.cache_creation_tokens) AS cache_creation_tokens,
    coalesce(s.reasoning_tokens, l.reasoning_tokens) AS reasoning_tokens,
    CAST(NULL AS DOUBLE) AS first_token_ms,
    CAST(NULL AS VARCHAR) AS finish_reason,
    a.http_status,
    a.error_type,
    CAST(NULL AS DOUBLE) AS reported_cost_usd
FROM attempt AS a
LEFT JOIN placed AS s
    ON s.run_id = a.run_id AND s.nth = a.nth AND s.source = 'span' AND s.among = 1
LEFT JOIN placed AS l
    ON l.run_id = a.run_id AND l.nth = a.nth AND l.source = 'log' AND l.among = 1

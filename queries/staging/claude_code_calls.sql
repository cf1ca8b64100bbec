-- Claude Code's model calls: spans `claude_code.llm_request`, and its log events where no span
-- tells.
-- Grain: an attempt.
-- Columns: those of stg_calls
WITH request AS (
    SELECT s.*, s.attributes['request_id'] AS request_id
    FROM stg_spans AS s
    WHERE s.name = 'claude_code.llm_request'
),

-- Each try is an event of the request's span. How it ended is told of the last alone.
try AS (
    SELECT
        x.origin,
        x.trace_id,
        x.span_id,
        CASE WHEN x.e.time_ns BETWEEN 1 AND 4611686018427387903 THEN x.e.time_ns END AS start_ns,
        row_number() OVER (
            PARTITION BY x.origin, x.trace_id, x.span_id ORDER BY x.e.time_ns DESC
        ) = 1 AS is_last
    FROM (
        SELECT r.origin, r.trace_id, r.span_id, unnest(r.events) AS e FROM request AS r
    ) AS x
    WHERE x.e.name = 'gen_ai.request.attempt'
),

attempt AS (
    SELECT
        r.origin,
        r.trace_id,
        r.span_id,
        coalesce(t.start_ns, r.start_ns) AS start_ns,
        coalesce(t.is_last, true) AS is_last
    FROM request AS r
    LEFT JOIN try AS t
        ON t.origin = r.origin AND t.trace_id = r.trace_id AND t.span_id = r.span_id
),

event AS (
    SELECT l.*, l.attributes['request_id'] AS request_id
    FROM stg_logs AS l
    WHERE l.scope_name = 'com.anthropic.claude_code.events'
        AND l.event IN ('api_request', 'api_error')
),

cost AS (
    SELECT run_id, request_id, max(TRY_CAST(attributes['cost_usd'] AS DOUBLE)) AS cost_usd
    FROM event
    WHERE event = 'api_request'
    GROUP BY run_id, request_id
),

call AS (
    SELECT
        r.run_id,
        'span' AS source,
        r.trace_id,
        r.span_id,
        r.parent_span_id,
        r.span_id AS lane,
        a.start_ns,
        last.end_ns,
        'measured' AS timing,
        last.request_id AS match_id,
        r.attributes['query_source_safe'] AS query_source,
        coalesce(r.request_model, r.attributes['model']) AS request_model,
        last.response_model,
        last.attributes AS usage,
        coalesce(last.attributes['stop_reason'], last.finish_reason) AS finish_reason,
        coalesce(last.http_status, TRY_CAST(last.attributes['status_code'] AS BIGINT))
            AS http_status,
        CASE
            WHEN NOT a.is_last THEN '_OTHER'
            WHEN last.is_error OR last.attributes['success'] = 'false'
                THEN coalesce(last.error_type, last.attributes['error_class'], '_OTHER')
        END AS error_type,
        c.cost_usd AS reported_cost_usd
    FROM attempt AS a
    JOIN request AS r
        ON r.origin = a.origin AND r.trace_id = a.trace_id AND r.span_id = a.span_id
    LEFT JOIN request AS last
        ON a.is_last
            AND last.origin = a.origin
            AND last.trace_id = a.trace_id
            AND last.span_id = a.span_id
    LEFT JOIN cost AS c ON c.run_id = last.run_id AND c.request_id = last.request_id
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
        'reported',
        e.request_id,
        e.attributes['query_source'],
        e.attributes['model'],
        NULL,
        e.attributes,
        NULL,
        e.http_status,
        CASE
            WHEN e.event = 'api_error'
                THEN coalesce(e.error_type, CAST(e.http_status AS VARCHAR), '_OTHER')
        END,
        TRY_CAST(e.attributes['cost_usd'] AS DOUBLE)
    FROM event AS e
    LEFT JOIN (SELECT DISTINCT run_id, request_id FROM request) AS same
        ON same.run_id = e.run_id AND same.request_id = e.request_id
    LEFT JOIN (SELECT DISTINCT run_id FROM request WHERE request_id IS NULL) AS nameless
        ON e.request_id IS NULL AND nameless.run_id = e.run_id
    WHERE same.run_id IS NULL AND nameless.run_id IS NULL
)

SELECT
    c.run_id,
    'claude_code' AS dialect,
    c.source,
    c.trace_id,
    c.span_id,
    c.parent_span_id,
    c.lane,
    c.start_ns,
    c.end_ns,
    c.timing,
    c.match_id,
    CASE
        WHEN coalesce(c.query_source, 'sdk') IN ('sdk', 'main', 'compact')
            OR c.query_source LIKE 'repl_main_thread%'
            OR c.query_source LIKE 'agent%'
            THEN 'main'
        ELSE 'auxiliary'
    END AS purpose,
    CAST(NULL AS VARCHAR) AS request_hash,
    'anthropic' AS provider,
    c.request_model,
    c.response_model,
    -- Anthropic counts what it read from and wrote to the cache beside the input.
    CAST(TRY_CAST(c.usage['input_tokens'] AS INTEGER) AS BIGINT)
    + CAST(TRY_CAST(c.usage['cache_read_tokens'] AS INTEGER) AS BIGINT)
    + CAST(TRY_CAST(c.usage['cache_creation_tokens'] AS INTEGER) AS BIGINT) AS input_tokens,
    CAST(TRY_CAST(c.usage['output_tokens'] AS INTEGER) AS BIGINT) AS output_tokens,
    CAST(TRY_CAST(c.usage['cache_read_tokens'] AS INTEGER) AS BIGINT) AS cache_read_tokens,
    CAST(TRY_CAST(c.usage['cache_creation_tokens'] AS INTEGER) AS BIGINT)
        AS cache_creation_tokens,
    CAST(NULL AS BIGINT) AS reasoning_tokens,
    TRY_CAST(c.usage['ttft_ms'] AS DOUBLE) AS first_token_ms,
    c.finish_reason,
    c.http_status,
    c.error_type,
    c.reported_cost_usd
FROM call AS c

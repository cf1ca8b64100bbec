-- What a run's calls to models came to: how many, which tokens are known, and how the last ones
-- ended. What ended them: the failed main attempts after the last answer, of these the most
-- frequent kind that is known, of a tie the last; without any, the finish of the last answer.
-- Grain: a run with at least one row in `model_calls`.
-- Kept: by run
-- run_id: VARCHAR: the run
-- attempts: BIGINT: HTTP attempts
-- calls: BIGINT: calls, each with all its attempts
-- answered: BIGINT: attempts that were answered
-- calls_without_usage: BIGINT: those that may have used tokens which nobody counted, see model_calls
-- known_input_tokens: BIGINT: sum over the attempts that have the figure
-- known_output_tokens: BIGINT: sum over the attempts that have the figure
-- known_cost_usd: DOUBLE: sum over the attempts that have a price
-- calls_without_cost: BIGINT: answered ones and those of unknown tokens, without a price
-- first_byte_ns: BIGINT: time before a first byte, summed over the attempts where it is known
-- call_class: VARCHAR: the failure class that the end of the calls proves; NULL if none
-- failed_kind: VARCHAR: the kind of the failed attempts at the end, NULL if there are none:
--     `context`, `content`, `quota`, `rate`, `auth`, `model_not_found`, `server`, `unreachable`,
--     `bad_request`, `abandoned` by the agent, `other`
-- failed_attempts: BIGINT: how many of them are of this kind
-- trailing_attempts: BIGINT: how many they are in all
-- finish_reason: VARCHAR: how the last answer ended, if no main attempt came after it
-- finish_tokens: BIGINT: its tokens, in and out
-- end_attribute: VARCHAR: the attribute that tells how the calls ended
-- end_value: VARCHAR: its value
-- end_trace_id: VARCHAR: the trace of the attempt that tells it
-- end_span_id: VARCHAR: its span
-- end_source: VARCHAR: who told of it: `proxy`, `span`, `log`
WITH called AS (
    SELECT
        m.*,
        lower(m.error_type) AS code,
        -- An error inside a stream comes after a 200; its code may be a status all the same.
        coalesce(
            CASE WHEN m.http_status >= 400 THEN m.http_status END,
            TRY_CAST(m.error_type AS BIGINT),
            m.http_status
        ) AS status
    FROM model_calls AS m
),

-- The provider's error code goes before the HTTP status, the status before the vaguer codes.
coded AS (
    SELECT
        f.*,
        CASE
            WHEN code LIKE '%context_length%' OR code LIKE '%context_window%'
                OR code LIKE '%contextwindow%' OR code LIKE '%string_above_max_length%'
                OR code LIKE '%prompt_too_long%' OR code LIKE '%prompt is too long%'
                THEN 'context'
            WHEN code LIKE '%content_filter%' OR code LIKE '%content_policy%'
                OR code LIKE '%contentpolicy%' OR code LIKE '%prohibited_content%'
                OR code = 'safety'
                THEN 'content'
            WHEN code LIKE '%insufficient_quota%' OR code LIKE '%quota_exceeded%'
                OR code LIKE '%billing%' OR code LIKE '%payment_required%'
                THEN 'quota'
            WHEN code LIKE '%api_key%' OR code LIKE '%api key%' OR code LIKE '%authentication%'
                OR code LIKE '%unauthenticated%' OR code LIKE '%unauthorized%'
                OR code LIKE '%permission%' OR code = 'forbidden'
                THEN 'auth'
            WHEN code LIKE '%model_not_found%' OR code LIKE '%not_found_error%'
                THEN 'model_not_found'
            WHEN code LIKE '%rate_limit%' OR code LIKE '%ratelimit%'
                OR code LIKE '%resource_exhausted%' OR code LIKE '%too_many_requests%'
                THEN 'rate'
            WHEN code LIKE '%overloaded%' THEN 'server'
        END AS code_kind,
        CASE
            WHEN status = 402 THEN 'quota'
            WHEN status = 429 THEN 'rate'
            WHEN status IN (401, 403) THEN 'auth'
            WHEN status = 404 THEN 'model_not_found'
            WHEN status = 408 THEN 'unreachable'
            WHEN status = 499 THEN 'abandoned'
            WHEN status IN (400, 422) THEN 'bad_request'
            WHEN status >= 500 THEN 'server'
        END AS status_kind,
        CASE
            WHEN code LIKE '%client_disconnect%' OR code LIKE '%cancelled%' OR code LIKE '%abort%'
                THEN 'abandoned'
            WHEN code LIKE '%server_error%' OR code LIKE '%internal%' OR code = 'api_error'
                OR code = 'unavailable' OR code = 'stream_error'
                THEN 'server'
            WHEN code LIKE '%connection%' OR code LIKE '%connect%' OR code LIKE '%timeout%'
                OR code LIKE '%timed_out%' OR code LIKE 'econn%' OR code LIKE '%timedout%'
                OR code IN ('enotfound', 'eai_again', 'epipe', 'name_resolution_failed')
                THEN 'unreachable'
            WHEN code LIKE '%invalid_request%' THEN 'bad_request'
            WHEN http_status BETWEEN 200 AND 299 THEN 'server'
            ELSE 'other'
        END AS vague_kind
    FROM called AS f
),

attempts AS (
    SELECT
        c.*,
        coalesce(code_kind, status_kind, vague_kind) AS kind,
        code_kind IS NOT NULL OR status_kind IS NULL OR http_status < 400 AS by_code,
        purpose = 'main' AS is_main,
        error_type IS NULL AS is_answered,
        error_type IS NULL AND purpose = 'main' AS is_main_answered
    FROM coded AS c
),

totals AS (
    SELECT
        run_id,
        count(*) AS attempts,
        count(CASE WHEN attempt = 1 THEN 1 END) AS calls,
        count(CASE WHEN is_answered THEN 1 END) AS answered,
        count(CASE WHEN is_main_answered THEN 1 END) AS main_answered,
        count(CASE WHEN tokens_unknown THEN 1 END) AS calls_without_usage,
        CAST(sum(input_tokens) AS BIGINT) AS known_input_tokens,
        CAST(sum(output_tokens) AS BIGINT) AS known_output_tokens,
        sum(cost_usd) AS known_cost_usd,
        count(CASE WHEN (is_answered OR tokens_unknown) AND cost_usd IS NULL THEN 1 END)
            AS calls_without_cost,
        sum(CASE WHEN is_answered THEN first_token_ms ELSE coalesce(first_token_ms, latency_ms) END)
            AS first_byte_ms,
        min(CASE WHEN is_main THEN start_ns END) AS first_ns,
        max(CASE WHEN is_main THEN start_ns END) AS last_ns,
        max(CASE WHEN is_main_answered THEN start_ns END) AS answered_ns
    FROM attempts
    GROUP BY run_id
),

finishes AS (
    SELECT
        m.run_id,
        m.finish_reason,
        m.input_tokens + m.output_tokens AS finish_tokens,
        m.trace_id,
        m.span_id,
        m.source,
        row_number() OVER (PARTITION BY m.run_id ORDER BY m.span_id DESC) AS place
    FROM attempts AS m
    JOIN totals AS t
        ON t.run_id = m.run_id AND t.answered_ns = m.start_ns AND t.last_ns = m.start_ns
    WHERE m.is_main_answered
),

failed AS (
    SELECT
        f.*,
        f.start_ns > coalesce(t.answered_ns, -1) AS is_trailing,
        f.start_ns = t.first_ns AS is_first
    FROM attempts AS f
    JOIN totals AS t ON t.run_id = f.run_id
    WHERE f.is_main AND NOT f.is_answered
),

kinds AS (
    SELECT
        run_id,
        kind,
        count(*) AS failed_attempts,
        max(start_ns) AS last_ns
    FROM failed
    WHERE is_trailing
    GROUP BY run_id, kind
),

ranked AS (
    SELECT
        k.*,
        sum(k.failed_attempts) OVER (PARTITION BY k.run_id) AS trailing_attempts,
        row_number() OVER (
            PARTITION BY k.run_id
            ORDER BY k.kind = 'other', k.failed_attempts DESC, k.last_ns DESC, k.kind
        ) AS place
    FROM kinds AS k
),

proofs AS (
    SELECT
        f.*,
        row_number() OVER (PARTITION BY f.run_id ORDER BY f.start_ns DESC, f.span_id) AS place
    FROM failed AS f
    JOIN ranked AS k ON k.run_id = f.run_id AND k.kind = f.kind AND k.place = 1
    WHERE f.is_trailing
),

firsts AS (
    SELECT
        run_id,
        min(kind) AS kind
    FROM failed
    WHERE is_first
    GROUP BY run_id
)

SELECT
    t.run_id,
    t.attempts,
    t.calls,
    t.answered,
    t.calls_without_usage,
    t.known_input_tokens,
    t.known_output_tokens,
    t.known_cost_usd,
    t.calls_without_cost,
    CAST(t.first_byte_ms * 1000000 AS BIGINT) AS first_byte_ns,
    CASE
        WHEN k.kind = 'context' OR e.finish_reason = 'model_context_window_exceeded'
            THEN 'context_overflow'
        WHEN k.kind = 'content'
            OR lower(e.finish_reason) IN (
                'content_filter', 'content-filter', 'safety', 'prohibited_content', 'blocklist'
            )
            THEN 'content_filtered'
        WHEN k.kind = 'quota' THEN 'provider_quota'
        WHEN k.kind = 'rate' THEN 'provider_rate_limited'
        WHEN k.kind = 'auth' THEN 'provider_auth'
        WHEN k.kind = 'model_not_found' THEN 'provider_model_not_found'
        WHEN k.kind = 'server' THEN 'provider_error'
        WHEN k.kind = 'unreachable' THEN 'provider_unreachable'
        WHEN k.kind = 'bad_request' AND b.kind = 'bad_request' AND t.main_answered = 0
            THEN 'model_incompatible'
    END AS call_class,
    k.kind AS failed_kind,
    k.failed_attempts,
    CAST(k.trailing_attempts AS BIGINT) AS trailing_attempts,
    e.finish_reason,
    e.finish_tokens,
    CASE
        WHEN k.kind IS NULL THEN 'gen_ai.response.finish_reasons'
        WHEN p.by_code THEN 'error.type'
        ELSE 'http.response.status_code'
    END AS end_attribute,
    CASE
        WHEN k.kind IS NULL THEN e.finish_reason
        WHEN p.by_code OR p.http_status IS NULL THEN p.error_type
        ELSE CAST(p.http_status AS VARCHAR)
    END AS end_value,
    CASE WHEN k.kind IS NULL THEN e.trace_id ELSE p.trace_id END AS end_trace_id,
    CASE WHEN k.kind IS NULL THEN e.span_id ELSE p.span_id END AS end_span_id,
    CASE WHEN k.kind IS NULL THEN e.source ELSE p.source END AS end_source
FROM totals AS t
LEFT JOIN finishes AS e ON e.run_id = t.run_id AND e.place = 1
LEFT JOIN ranked AS k ON k.run_id = t.run_id AND k.place = 1
LEFT JOIN proofs AS p ON p.run_id = t.run_id AND p.place = 1
LEFT JOIN firsts AS b ON b.run_id = t.run_id

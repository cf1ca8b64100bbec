-- The attempts to call a model, and what kind of failure it was where one failed. The provider's error
-- code goes before the HTTP status, the status before the vaguer codes.
-- Grain: an attempt of `model_calls`.
-- run_id: VARCHAR: the run
-- kind: VARCHAR: `context`, `content`, `quota`, `rate`, `auth`, `model_not_found`, `server`, `unreachable`, `bad_request`, `abandoned` by the agent, `other`; NULL when it was answered
-- by_code: BOOLEAN: whether the error code told the kind, not the status
-- is_main: BOOLEAN: whether it did the task, not a title or a commit message
-- attempt: BIGINT: the number of this attempt among those of its call, from 1
-- start_ns: BIGINT: when it began, ns since 1970
-- input_tokens: BIGINT: tokens in
-- output_tokens: BIGINT: tokens out
-- latency_ms: DOUBLE: how long it took
-- first_token_ms: DOUBLE: to the first of the answer
-- finish_reason: VARCHAR: why the model stopped
-- cost_usd: DOUBLE: what it cost
-- error_type: VARCHAR: the error
-- http_status: BIGINT: the answer's status
-- source: VARCHAR: `proxy`, `span`, `log`
-- trace_id: VARCHAR: the trace of its span or log record
-- span_id: VARCHAR: its span
WITH called AS (
    SELECT
        m.*,
        lower(m.error_type) AS code,
        coalesce(m.http_status, TRY_CAST(m.error_type AS BIGINT)) AS status
    FROM model_calls AS m
),

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
            WHEN status BETWEEN 400 AND 499 THEN 'bad_request'
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
            ELSE 'other'
        END AS vague_kind
    FROM called AS f
)

SELECT
    run_id,
    CASE WHEN error_type IS NOT NULL THEN coalesce(code_kind, status_kind, vague_kind) END AS kind,
    CASE WHEN error_type IS NOT NULL THEN code_kind IS NOT NULL OR status_kind IS NULL END
        AS by_code,
    purpose = 'main' AS is_main,
    attempt,
    start_ns,
    input_tokens,
    output_tokens,
    latency_ms,
    first_token_ms,
    finish_reason,
    cost_usd,
    error_type,
    http_status,
    source,
    trace_id,
    span_id
FROM coded

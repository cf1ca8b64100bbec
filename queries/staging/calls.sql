-- Every dialect's model calls in the common columns; a call told by two dialects is here twice.
-- Grain: an attempt to call a model, as one dialect tells it.
-- run_id: VARCHAR: the run it belongs to
-- dialect: VARCHAR: how it was told: `spanscore`, `gen_ai`, `claude_code`, `codex`, `gemini_cli`,
--     `qwen_code`, `ai_sdk`, `openinference`, `traceloop`
-- source: VARCHAR: `proxy`, `span` or `log`
-- trace_id: VARCHAR: the trace of the span or record that tells it
-- span_id: VARCHAR: that span, or the record's
-- parent_span_id: VARCHAR: the span's parent
-- lane: VARCHAR: in one lane an attempt after a failed one is its retry
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended; NULL when nobody told
-- timing: VARCHAR: `measured`, `derived` or `reported`
-- match_id: VARCHAR: the provider's id of the answer
-- purpose: VARCHAR: `main`, or `auxiliary` for titles, commit messages and the like
-- request_hash: VARCHAR: hash of the request's body
-- provider: VARCHAR: who serves the model
-- request_model: VARCHAR: the model that was asked for
-- response_model: VARCHAR: the model that answered
-- input_tokens: BIGINT: tokens in, with those read from and written to a cache
-- output_tokens: BIGINT: tokens out, with reasoning
-- cache_read_tokens: BIGINT: of those in: read from a cache
-- cache_creation_tokens: BIGINT: of those in: written to a cache
-- reasoning_tokens: BIGINT: of those out: reasoning
-- first_token_ms: DOUBLE: from the request to the first of the answer, ms
-- finish_reason: VARCHAR: why the model stopped, in the words of the provider
-- http_status: BIGINT: the answer's status; NULL when nobody told
-- error_type: VARCHAR: what failed, `_OTHER` when nobody told; NULL only on success
-- reported_cost_usd: DOUBLE: what the sender says it cost
SELECT * FROM stg_spanscore_calls
UNION ALL
SELECT * FROM stg_claude_code_calls
UNION ALL
SELECT * FROM stg_codex_calls
UNION ALL
SELECT * FROM stg_gemini_cli_calls
UNION ALL
SELECT * FROM stg_qwen_code_calls
UNION ALL
SELECT * FROM stg_ai_sdk_calls
UNION ALL
SELECT * FROM stg_gen_ai_calls
UNION ALL
SELECT * FROM stg_openinference_calls
UNION ALL
SELECT * FROM stg_traceloop_calls

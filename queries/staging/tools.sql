-- Every dialect's tool calls in the common columns; a call told by two dialects is here twice.
-- Grain: a tool call, as one dialect tells it.
-- run_id: VARCHAR: the run it belongs to
-- dialect: VARCHAR: how it was told, as in `stg_calls`
-- source: VARCHAR: `proxy`, `span` or `log`
-- trace_id: VARCHAR: the trace of the span or record that tells it
-- span_id: VARCHAR: that span, or the record's
-- parent_span_id: VARCHAR: the span's parent
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended; NULL when nobody told
-- timing: VARCHAR: `measured`, `derived` or `reported`
-- match_id: VARCHAR: the model's id of the call
-- tool: VARCHAR: the tool
-- is_error: BOOLEAN: whether it failed; NULL when nobody told
-- exit_code: BIGINT: its exit code, where it has one
SELECT * FROM stg_spanscore_tools
UNION ALL
SELECT * FROM stg_claude_code_tools
UNION ALL
SELECT * FROM stg_codex_tools
UNION ALL
SELECT * FROM stg_gemini_cli_tools
UNION ALL
SELECT * FROM stg_qwen_code_tools
UNION ALL
SELECT * FROM stg_ai_sdk_tools
UNION ALL
SELECT * FROM stg_gen_ai_tools
UNION ALL
SELECT * FROM stg_openinference_tools
UNION ALL
SELECT * FROM stg_traceloop_tools

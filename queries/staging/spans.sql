-- Spans as the other files read them: only trusted roles, only times that can be reckoned with.
-- Grain: a span of `spans`.
-- run_id: VARCHAR: the run it belongs to
-- trace_id: VARCHAR: its trace
-- span_id: VARCHAR: its id
-- parent_span_id: VARCHAR: its parent's id; NULL for a root
-- origin: VARCHAR: who sent it
-- role: VARCHAR: `spanscore.role`, from the harness or an import alone; an agent's claim is NULL
-- name: VARCHAR: as the sender named it
-- scope_name: VARCHAR: the instrumentation scope
-- service_name: VARCHAR: `service.name`
-- start_ns: BIGINT: when it began; NULL when the sender's clock says before 1970 or after 2116
-- end_ns: BIGINT: when it ended, never before `start_ns`; NULL as above
-- is_error: BOOLEAN: whether its status is ERROR
-- status_message: VARCHAR: the status' text
-- session_id: VARCHAR: the session or conversation it names
-- cell_id: VARCHAR: `spanscore.cell.id` of the resource
-- sweep_id: VARCHAR: `spanscore.sweep.id` of the resource
-- operation: VARCHAR: `gen_ai.operation.name`
-- provider: VARCHAR: `gen_ai.provider.name`, else the older `gen_ai.system`
-- request_model: VARCHAR: `gen_ai.request.model`
-- response_model: VARCHAR: `gen_ai.response.model`
-- tool: VARCHAR: `gen_ai.tool.name`
-- tool_call_id: VARCHAR: `gen_ai.tool.call.id`
-- input_tokens: BIGINT: `gen_ai.usage.input_tokens`
-- output_tokens: BIGINT: `gen_ai.usage.output_tokens`
-- cache_read_tokens: BIGINT: `gen_ai.usage.cache_read.input_tokens`
-- cache_creation_tokens: BIGINT: `gen_ai.usage.cache_creation.input_tokens`
-- reasoning_tokens: BIGINT: `gen_ai.usage.reasoning.output_tokens`
-- finish_reason: VARCHAR: the first of `gen_ai.response.finish_reasons`
-- error_type: VARCHAR: `error.type`
-- http_status: BIGINT: `http.response.status_code`
-- exit_code: BIGINT: `process.exit.code`
-- attempt: BIGINT: `attempt`: the number of a try
-- attributes: MAP(VARCHAR, VARCHAR): every attribute of the span
-- resource: MAP(VARCHAR, VARCHAR): the resource's attributes
-- events: STRUCT(time_ns BIGINT, "name" VARCHAR, attributes MAP(VARCHAR, VARCHAR), attribute_types
--     VARCHAR, attributes_raw BLOB, dropped_attributes_count BIGINT)[]: its events
-- dropped: BIGINT: attributes, events and links that the sender left out
SELECT
    s.run_id,
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.origin,
    CASE WHEN s.origin IN ('harness', 'import') THEN s.role END AS role,
    s.name,
    s.scope_name,
    s.service_name,
    CASE WHEN s.start_ns BETWEEN 1 AND 4611686018427387903 THEN s.start_ns END AS start_ns,
    CASE
        WHEN s.start_ns BETWEEN 1 AND 4611686018427387903
            AND s.duration_ns <= 4611686018427387903 - s.start_ns
            THEN s.start_ns + greatest(s.duration_ns, 0)
    END AS end_ns,
    s.status_code = 'ERROR' AS is_error,
    s.status_message,
    s.session_id,
    s.cell_id,
    s.sweep_id,
    s.gen_ai_operation_name AS operation,
    coalesce(s.gen_ai_provider_name, s.attributes['gen_ai.system']) AS provider,
    s.gen_ai_request_model AS request_model,
    s.gen_ai_response_model AS response_model,
    s.gen_ai_tool_name AS tool,
    s.gen_ai_tool_call_id AS tool_call_id,
    CAST(TRY_CAST(s.gen_ai_usage_input_tokens AS INTEGER) AS BIGINT) AS input_tokens,
    CAST(TRY_CAST(s.gen_ai_usage_output_tokens AS INTEGER) AS BIGINT) AS output_tokens,
    CAST(TRY_CAST(s.gen_ai_usage_cache_read_input_tokens AS INTEGER) AS BIGINT)
        AS cache_read_tokens,
    CAST(TRY_CAST(s.gen_ai_usage_cache_creation_input_tokens AS INTEGER) AS BIGINT)
        AS cache_creation_tokens,
    CAST(TRY_CAST(s.gen_ai_usage_reasoning_output_tokens AS INTEGER) AS BIGINT) AS reasoning_tokens,
    nullif(regexp_extract(s.attributes['gen_ai.response.finish_reasons'], '"([^"]*)"', 1), '')
        AS finish_reason,
    s.error_type,
    s.http_response_status_code AS http_status,
    s.process_exit_code AS exit_code,
    s.attempt,
    s.attributes,
    s.resource,
    s.events,
    s.dropped_attributes_count + s.dropped_events_count + s.dropped_links_count AS dropped
FROM spans AS s

-- Grain: a log record. The public view of logs; see docs/views.md for each column.
CREATE OR REPLACE VIEW logs AS
SELECT
    CASE WHEN coalesce(nullif(l.time_ns, 0), l.observed_ns) > 0
        THEN make_timestamp(coalesce(nullif(l.time_ns, 0), l.observed_ns) // 1000)
    END AS time,
    coalesce(nullif(l.time_ns, 0), l.observed_ns) AS time_ns,
    nullif(l.observed_ns, 0) AS observed_ns,
    coalesce(l.attribute_event_name, l.event_name) AS event_name,
    nullif(l.severity_number, 0) AS severity_number,
    l.severity_text,
    l.body,
    l.body_type,
    nullif(l.trace_id, '00000000000000000000000000000000') AS trace_id,
    nullif(l.span_id, '0000000000000000') AS span_id,
    r.service_name,
    l.spanscore_role AS role,
    coalesce(
        t.run_id, r.run_id, l.spanscore_run_id, l.attribute_session_id, l.conversation_id,
        l.gen_ai_conversation_id, r.session_id, i.run_id, r.service_instance_id, r.opencode_run
    ) AS run_id,
    coalesce(
        l.attribute_session_id, l.conversation_id, l.gen_ai_conversation_id, r.session_id
    ) AS session_id,
    l.origin,
    c.name AS scope_name,
    c.version AS scope_version,
    l.gen_ai_operation_name,
    l.gen_ai_provider_name,
    l.gen_ai_request_model,
    l.gen_ai_response_model,
    l.gen_ai_conversation_id,
    l.gen_ai_tool_name,
    l.gen_ai_tool_call_id,
    l.gen_ai_usage_input_tokens,
    l.gen_ai_usage_output_tokens,
    l.gen_ai_usage_cache_read_input_tokens,
    l.gen_ai_usage_cache_creation_input_tokens,
    l.gen_ai_usage_reasoning_output_tokens,
    l.error_type,
    l.http_response_status_code,
    l.process_exit_code,
    l.input_tokens,
    l.output_tokens,
    l.attempt,
    l.attribute_duration_ms,
    l.attributes,
    l.attribute_types,
    r.attributes AS resource,
    r.cell_id,
    r.sweep_id,
    r.service_instance_id,
    l.flags,
    l.dropped_attributes_count,
    coalesce(c.schema_url, r.schema_url) AS schema_url,
    make_timestamp(l.received_ns // 1000) AS received_time
FROM log AS l
JOIN resource AS r ON r.resource_id = l.resource_id
JOIN scope AS c ON c.scope_id = l.scope_id
LEFT JOIN trace AS t ON t.trace_id = l.trace_id
LEFT JOIN instance_run AS i
    ON i.instance_id = coalesce(r.service_instance_id, r.opencode_run);

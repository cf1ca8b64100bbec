-- Grain: a span. The public view of traces; see docs/views.md for each column.
SELECT
    s.trace_id,
    s.span_id,
    s.parent_span_id,
    s.name,
    CASE s.kind
        WHEN 0 THEN 'UNSPECIFIED' WHEN 1 THEN 'INTERNAL' WHEN 2 THEN 'SERVER'
        WHEN 3 THEN 'CLIENT' WHEN 4 THEN 'PRODUCER' WHEN 5 THEN 'CONSUMER'
        ELSE CAST(s.kind AS VARCHAR)
    END AS kind,
    s.start_ns,
    s.duration_ns,
    CASE WHEN s.start_ns > 0 THEN make_timestamp(s.start_ns // 1000) END AS start_time,
    CASE WHEN s.end_ns > 0 THEN make_timestamp(s.end_ns // 1000) END AS end_time,
    s.duration_ns / 1000000.0 AS duration_ms,
    CASE coalesce(s.status_code, 0)
        WHEN 0 THEN 'UNSET' WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR'
        ELSE CAST(s.status_code AS VARCHAR)
    END AS status_code,
    nullif(s.status_message, '') AS status_message,
    s.service_name,
    s.spanscore_role AS role,
    s.run_id,
    coalesce(
        s.attribute_session_id, s.conversation_id, s.gen_ai_conversation_id, s.resource_session_id
    ) AS session_id,
    s.origin,
    s.scope_name,
    s.scope_version,
    s.gen_ai_operation_name,
    s.gen_ai_provider_name,
    s.gen_ai_request_model,
    s.gen_ai_response_model,
    s.gen_ai_conversation_id,
    s.gen_ai_tool_name,
    s.gen_ai_tool_call_id,
    s.gen_ai_usage_input_tokens,
    s.gen_ai_usage_output_tokens,
    s.gen_ai_usage_cache_read_input_tokens,
    s.gen_ai_usage_cache_creation_input_tokens,
    s.gen_ai_usage_reasoning_output_tokens,
    s.error_type,
    s.http_response_status_code,
    s.process_exit_code,
    s.attribute_event_name AS event_name,
    s.input_tokens,
    s.output_tokens,
    s.attempt,
    s.attribute_duration_ms,
    s.attributes,
    s.attribute_types,
    s.resource,
    s.cell_id,
    s.sweep_id,
    s.service_instance_id,
    s.events,
    s.links,
    s.trace_state,
    s.flags,
    s.dropped_attributes_count,
    s.dropped_events_count,
    s.dropped_links_count,
    s.schema_url,
    make_timestamp(s.received_ns // 1000) AS received_time,
    s.run_id_source
FROM span_joined AS s

-- A log record of the lake with the run it belongs to; `logs` stands on it.
-- Grain: a log record.
SELECT
    l.*,
    l.event_name AS event_name_field,
    coalesce(
        t.run_id, l.resource_run_id, l.spanscore_run_id, l.attribute_session_id,
        l.conversation_id, l.gen_ai_conversation_id, l.resource_session_id, i.run_id,
        l.service_instance_id, l.opencode_run, w.run_id
    ) AS run_id,
    coalesce(l.scope_schema_url, l.resource_schema_url) AS schema_url
FROM lake_logs AS l
LEFT JOIN trace AS t ON t.trace_id = l.trace_id
LEFT JOIN instance_run AS i ON i.instance_id = coalesce(l.service_instance_id, l.opencode_run)
LEFT JOIN conversation_window AS w
    ON w.service_name = CASE WHEN coalesce(
        t.run_id, l.resource_run_id, l.spanscore_run_id, l.attribute_session_id,
        l.conversation_id, l.gen_ai_conversation_id, l.resource_session_id
    ) IS NULL THEN l.service_name END
    AND w.hour = coalesce(nullif(l.time_ns, 0), l.observed_ns) // 3600000000000
    AND coalesce(nullif(l.time_ns, 0), l.observed_ns) <= w.end_ns
    AND coalesce(nullif(l.time_ns, 0), l.observed_ns) >= w.start_ns

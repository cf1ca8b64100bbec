-- A data point of the lake with the run it belongs to; `metric_points` stands on it.
-- Grain: a data point.
SELECT
    m.*,
    coalesce(
        m.resource_run_id, m.spanscore_run_id, m.attribute_session_id, m.conversation_id,
        m.gen_ai_conversation_id, m.resource_session_id, i.run_id, m.service_instance_id,
        m.opencode_run, w.run_id
    ) AS run_id,
    coalesce(m.scope_schema_url, m.resource_schema_url) AS schema_url
FROM lake_metric_points AS m
LEFT JOIN instance_run AS i ON i.instance_id = coalesce(m.service_instance_id, m.opencode_run)
LEFT JOIN conversation_window AS w
    ON w.service_name = CASE WHEN coalesce(
        m.resource_run_id, m.spanscore_run_id, m.attribute_session_id, m.conversation_id,
        m.gen_ai_conversation_id, m.resource_session_id
    ) IS NULL THEN m.service_name END
    AND w.hour = coalesce(nullif(m.start_ns, 0), m.time_ns) // 3600000000000
    AND coalesce(nullif(m.start_ns, 0), m.time_ns) <= w.end_ns AND m.time_ns >= w.start_ns

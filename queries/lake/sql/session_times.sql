-- When records that name a session and no trace, and points that count one, were sent.
-- Grain: a session of a service.
SELECT c.service_name, c.run_id, min(c.start_ns) AS start_ns, max(c.end_ns) AS end_ns
FROM (
    SELECT
        l.service_name,
        coalesce(
            l.attribute_session_id, l.conversation_id, l.gen_ai_conversation_id,
            l.resource_session_id
        ) AS run_id,
        coalesce(nullif(l.time_ns, 0), l.observed_ns) AS start_ns,
        coalesce(nullif(l.time_ns, 0), l.observed_ns) AS end_ns
    FROM raw_logs AS l
    WHERE l.trace_id IS NULL AND coalesce(l.resource_run_id, l.spanscore_run_id) IS NULL
    UNION ALL
    SELECT
        m.service_name,
        concat(m.service_name, '-', CAST(m.start_ns AS VARCHAR)),
        m.start_ns,
        m.time_ns
    FROM raw_metric_points AS m
    WHERE m.name = 'continue_cli_session_count' AND coalesce(
        m.resource_run_id, m.spanscore_run_id, m.attribute_session_id, m.conversation_id,
        m.gen_ai_conversation_id, m.resource_session_id, m.service_instance_id, m.opencode_run
    ) IS NULL
) AS c
WHERE c.service_name IS NOT NULL AND c.run_id IS NOT NULL AND c.start_ns > 0
GROUP BY c.service_name, c.run_id

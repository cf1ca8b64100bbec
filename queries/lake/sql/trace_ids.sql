-- The ids that tell a trace's run, of what its spans and log records say: the harness before the agent.
-- Grain: a trace.
SELECT
    i.trace_id,
    min(i.received_ns) AS first_received_ns,
    min(i.span_start_ns) AS window_start_ns,
    max(i.span_start_ns) AS window_end_ns,
    coalesce(min(i.trusted_run_id), min(i.own_run_id)) AS own_run_id,
    min(i.trusted_run_id) IS NOT NULL AS own_run_trusted,
    min(i.session_id) AS session_id,
    min(i.instance_id) AS instance_id,
    min(i.service_name) AS service_name,
    min(CASE WHEN i.service_name LIKE 'codex%' THEN i.span_start_ns END) AS start_ns,
    max(CASE WHEN i.service_name LIKE 'codex%' THEN i.span_end_ns END) AS end_ns,
    min(i.first_ns) AS first_ns,
    max(i.last_ns) AS last_ns
FROM (
    SELECT
        s.trace_id,
        s.received_ns,
        s.start_ns AS span_start_ns,
        s.end_ns AS span_end_ns,
        s.start_ns AS first_ns,
        s.end_ns AS last_ns,
        CASE WHEN s.origin IN ('harness', 'import')
            THEN coalesce(s.resource_run_id, s.spanscore_run_id) END AS trusted_run_id,
        coalesce(s.resource_run_id, s.spanscore_run_id) AS own_run_id,
        coalesce(
            s.attribute_session_id, s.conversation_id, s.gen_ai_conversation_id,
            s.resource_session_id
        ) AS session_id,
        coalesce(s.service_instance_id, s.opencode_run) AS instance_id,
        s.service_name
    FROM raw_spans AS s
    UNION ALL
    SELECT
        l.trace_id,
        l.received_ns,
        NULL,
        NULL,
        coalesce(nullif(l.time_ns, 0), l.observed_ns),
        coalesce(nullif(l.time_ns, 0), l.observed_ns),
        CASE WHEN l.origin IN ('harness', 'import')
            THEN coalesce(l.resource_run_id, l.spanscore_run_id) END,
        coalesce(l.resource_run_id, l.spanscore_run_id),
        coalesce(
            l.attribute_session_id, l.conversation_id, l.gen_ai_conversation_id,
            l.resource_session_id
        ),
        coalesce(l.service_instance_id, l.opencode_run),
        l.service_name
    FROM raw_logs AS l
    WHERE l.trace_id IS NOT NULL
) AS i
WHERE i.trace_id <> '00000000000000000000000000000000'
GROUP BY i.trace_id

-- Grain: a log record, with the run it belongs to. Internal: `logs` and retention stand on it.
CREATE OR REPLACE VIEW log_joined AS
SELECT
    l.rowid AS row_id,
    l.* EXCLUDE (event_name),
    l.event_name AS event_name_field,
    coalesce(
        t.run_id, r.run_id, l.spanscore_run_id, l.attribute_session_id, l.conversation_id,
        l.gen_ai_conversation_id, r.session_id, i.run_id, r.service_instance_id, r.opencode_run,
        w.run_id
    ) AS run_id,
    r.service_name,
    r.session_id AS resource_session_id,
    r.attributes AS resource,
    r.cell_id,
    r.sweep_id,
    r.service_instance_id,
    c.name AS scope_name,
    c.version AS scope_version,
    coalesce(c.schema_url, r.schema_url) AS schema_url
FROM log AS l
JOIN resource AS r ON r.resource_id = l.resource_id
JOIN scope AS c ON c.scope_id = l.scope_id
LEFT JOIN trace AS t ON t.trace_id = l.trace_id
LEFT JOIN instance_run AS i
    ON i.instance_id = coalesce(r.service_instance_id, r.opencode_run)
LEFT JOIN conversation_window AS w
    ON w.service_name = CASE WHEN coalesce(
        t.run_id, r.run_id, l.spanscore_run_id, l.attribute_session_id,
        l.conversation_id, l.gen_ai_conversation_id, r.session_id
    ) IS NULL THEN r.service_name END
    AND w.hour = coalesce(nullif(l.time_ns, 0), l.observed_ns) // 3600000000000
    AND coalesce(nullif(l.time_ns, 0), l.observed_ns) <= w.end_ns
    AND coalesce(nullif(l.time_ns, 0), l.observed_ns) >= w.start_ns;

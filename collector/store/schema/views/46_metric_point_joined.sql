-- Grain: a data point, with the run it belongs to. Internal: `metric_points` and retention stand
-- on it.
CREATE OR REPLACE VIEW metric_point_joined AS
SELECT
    m.rowid AS row_id,
    m.*,
    coalesce(
        r.run_id, m.spanscore_run_id, m.attribute_session_id, m.conversation_id,
        m.gen_ai_conversation_id, r.session_id, i.run_id, r.service_instance_id, r.opencode_run,
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
FROM metric_point AS m
JOIN resource AS r ON r.resource_id = m.resource_id
JOIN scope AS c ON c.scope_id = m.scope_id
LEFT JOIN instance_run AS i
    ON i.instance_id = coalesce(r.service_instance_id, r.opencode_run)
LEFT JOIN conversation_window AS w
    ON w.service_name = CASE WHEN coalesce(
        r.run_id, m.spanscore_run_id, m.attribute_session_id,
        m.conversation_id, m.gen_ai_conversation_id, r.session_id
    ) IS NULL THEN r.service_name END
    AND w.hour = coalesce(nullif(m.start_ns, 0), m.time_ns) // 3600000000000
    AND coalesce(nullif(m.start_ns, 0), m.time_ns) <= w.end_ns AND m.time_ns >= w.start_ns;

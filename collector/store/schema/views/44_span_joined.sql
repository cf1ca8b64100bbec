-- Grain: a span, with the run it belongs to. Internal: `spans` stands on it.
CREATE OR REPLACE VIEW span_joined AS
SELECT
    s.*,
    t.run_id,
    t.run_id_source,
    r.service_name,
    r.session_id AS resource_session_id,
    r.attributes AS resource,
    r.cell_id,
    r.sweep_id,
    r.service_instance_id,
    c.name AS scope_name,
    c.version AS scope_version,
    coalesce(c.schema_url, r.schema_url) AS schema_url
FROM span AS s
JOIN resource AS r ON r.resource_id = s.resource_id
JOIN scope AS c ON c.scope_id = s.scope_id
JOIN trace AS t ON t.trace_id = s.trace_id;

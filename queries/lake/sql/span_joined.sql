-- A span of the lake with the run it belongs to; `spans` stands on it.
-- Grain: a span.
SELECT
    s.*,
    t.run_id,
    t.run_id_source,
    coalesce(s.scope_schema_url, s.resource_schema_url) AS schema_url
FROM lake_spans AS s
JOIN trace AS t ON t.trace_id = s.trace_id

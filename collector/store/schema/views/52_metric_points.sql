-- Grain: a data point. The public view of metrics; see docs/views.md for each column.
CREATE OR REPLACE VIEW metric_points AS
SELECT
    CASE WHEN m.time_ns > 0 THEN make_timestamp(m.time_ns // 1000) END AS time,
    m.time_ns,
    nullif(m.start_ns, 0) AS start_ns,
    m.name,
    m.description,
    m.unit,
    m.type,
    CASE m.temporality
        WHEN 0 THEN 'UNSPECIFIED' WHEN 1 THEN 'DELTA' WHEN 2 THEN 'CUMULATIVE'
        ELSE CAST(m.temporality AS VARCHAR)
    END AS temporality,
    m.is_monotonic,
    coalesce(m.value_double, CAST(m.value_int AS DOUBLE)) AS value,
    m.value_int,
    m.count,
    m.sum,
    m.min,
    m.max,
    m.bucket_counts,
    m.explicit_bounds,
    m.scale,
    m.zero_count,
    m.zero_threshold,
    m.positive_offset,
    m.positive_bucket_counts,
    m.negative_offset,
    m.negative_bucket_counts,
    m.quantiles,
    m.exemplars,
    r.service_name,
    coalesce(
        r.run_id, m.spanscore_run_id, m.attribute_session_id, m.conversation_id,
        m.gen_ai_conversation_id, r.session_id, i.run_id, r.service_instance_id, r.opencode_run
    ) AS run_id,
    coalesce(
        m.attribute_session_id, m.conversation_id, m.gen_ai_conversation_id, r.session_id
    ) AS session_id,
    m.origin,
    c.name AS scope_name,
    c.version AS scope_version,
    m.attributes,
    m.attribute_types,
    m.metadata,
    r.attributes AS resource,
    r.cell_id,
    r.sweep_id,
    r.service_instance_id,
    m.flags,
    coalesce(c.schema_url, r.schema_url) AS schema_url,
    make_timestamp(m.received_ns // 1000) AS received_time
FROM metric_point AS m
JOIN resource AS r ON r.resource_id = m.resource_id
JOIN scope AS c ON c.scope_id = m.scope_id
LEFT JOIN instance_run AS i
    ON i.instance_id = coalesce(r.service_instance_id, r.opencode_run);

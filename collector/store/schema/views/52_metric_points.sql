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
    m.service_name,
    m.run_id,
    coalesce(
        m.attribute_session_id, m.conversation_id, m.gen_ai_conversation_id, m.resource_session_id
    ) AS session_id,
    m.origin,
    m.scope_name,
    m.scope_version,
    m.attributes,
    m.attribute_types,
    m.metadata,
    m.resource,
    m.cell_id,
    m.sweep_id,
    m.service_instance_id,
    m.flags,
    m.schema_url,
    make_timestamp(m.received_ns // 1000) AS received_time
FROM metric_point_joined AS m;

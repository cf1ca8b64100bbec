-- What an index knows of each trace, together with what the files since say.
-- Grain: a trace.
SELECT
    p.trace_id,
    min(p.first_received_ns) AS first_received_ns,
    min(p.window_start_ns) AS window_start_ns,
    max(p.window_end_ns) AS window_end_ns,
    coalesce(min(CASE WHEN p.own_run_trusted THEN p.own_run_id END), min(p.own_run_id))
        AS own_run_id,
    bool_or(p.own_run_trusted) AS own_run_trusted,
    min(p.session_id) AS session_id,
    min(p.instance_id) AS instance_id,
    min(p.service_name) AS service_name,
    min(p.start_ns) AS start_ns,
    max(p.end_ns) AS end_ns,
    min(p.first_ns) AS first_ns,
    max(p.last_ns) AS last_ns
FROM (
    SELECT
        trace_id, first_received_ns, window_start_ns, window_end_ns, own_run_id, own_run_trusted,
        session_id, instance_id, service_name, start_ns, end_ns, first_ns, last_ns
    FROM old_trace
    UNION ALL
    SELECT
        trace_id, first_received_ns, window_start_ns, window_end_ns, own_run_id, own_run_trusted,
        session_id, instance_id, service_name, start_ns, end_ns, first_ns, last_ns
    FROM new_trace_ids
) AS p
GROUP BY p.trace_id

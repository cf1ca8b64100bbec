-- From when to when a session of a service was seen. What names no run itself is inferred from it.
-- Grain: a session of a service, or a part of it.
SELECT
    t.service_name,
    t.session_id AS run_id,
    t.first_ns AS start_ns,
    greatest(t.last_ns, t.first_ns) AS end_ns
FROM trace_ids AS t
WHERE t.own_run_id IS NULL AND t.session_id IS NOT NULL AND t.service_name IS NOT NULL
    AND t.first_ns > 0
UNION ALL
SELECT service_name, run_id, start_ns, end_ns FROM session_times

-- What an index knows of each session, together with what the files since say.
-- Grain: a session of a service.
SELECT p.service_name, p.run_id, min(p.start_ns) AS start_ns, max(p.end_ns) AS end_ns
FROM (
    SELECT service_name, run_id, start_ns, end_ns FROM old_session_times
    UNION ALL
    SELECT service_name, run_id, start_ns, end_ns FROM new_session_times
) AS p
GROUP BY p.service_name, p.run_id

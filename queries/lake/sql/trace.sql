-- Which run a trace belongs to, in the order that the page of views tells: the run that it names, a
-- session, what its instance names elsewhere, the instance, for Codex the only conversation at that
-- time, the trace itself.
-- Grain: a trace.
SELECT
    t.trace_id,
    t.first_received_ns,
    t.window_start_ns,
    t.window_end_ns,
    t.own_run_id,
    t.own_run_trusted,
    t.session_id,
    t.instance_id,
    t.service_name,
    t.start_ns,
    t.end_ns,
    t.first_ns,
    t.last_ns,
    coalesce(t.own_run_id, t.session_id, i.run_id, t.instance_id, w.run_id, t.trace_id) AS run_id,
    CASE
        WHEN t.own_run_id IS NOT NULL THEN 'run'
        WHEN t.session_id IS NOT NULL THEN 'session'
        WHEN t.instance_id IS NOT NULL THEN 'instance'
        WHEN w.run_id IS NOT NULL THEN 'inferred'
        ELSE 'trace'
    END AS run_id_source
FROM trace_ids AS t
LEFT JOIN instance_run AS i ON i.instance_id = t.instance_id
LEFT JOIN (
    SELECT t.trace_id, min(w.run_id) AS run_id
    FROM (
        SELECT
            x.trace_id,
            x.service_name,
            x.start_ns,
            x.end_ns,
            unnest(range(x.start_ns // 3600000000000, x.end_ns // 3600000000000 + 1)) AS hour
        FROM trace_ids AS x
        WHERE coalesce(x.own_run_id, x.session_id, x.instance_id) IS NULL
            AND x.service_name LIKE 'codex%'
            AND x.start_ns > 0 AND x.end_ns BETWEEN x.start_ns AND x.start_ns + 2592000000000000
    ) AS t
    JOIN conversation_window AS w
        ON w.service_name = t.service_name AND w.hour = t.hour
        AND w.start_ns <= t.end_ns AND w.end_ns >= t.start_ns
    GROUP BY t.trace_id
    HAVING count(DISTINCT w.run_id) = 1
) AS w
    ON w.trace_id = t.trace_id

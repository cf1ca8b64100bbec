-- The runs of which an index says nothing, or not what is so now: whatever the new files touch, and
-- whatever moves because of them without being in them: traces, what an instance lends, and what is
-- placed by time. A run that was running may have fallen silent.
-- Grain: a run.
SELECT DISTINCT s.run_id
FROM (
    SELECT t.run_id FROM trace AS t WHERE t.trace_id IN (SELECT trace_id FROM new_trace_ids)
    UNION ALL
    SELECT o.run_id FROM old_trace AS o JOIN trace AS t ON t.trace_id = o.trace_id
    WHERE o.run_id <> t.run_id
    UNION ALL
    SELECT t.run_id FROM old_trace AS o JOIN trace AS t ON t.trace_id = o.trace_id
    WHERE o.run_id <> t.run_id
    UNION ALL
    SELECT run_id FROM new_log_joined WHERE trace_id IS NULL
    UNION ALL
    SELECT run_id FROM new_metric_point_joined
    UNION ALL
    SELECT m.run_id FROM moved_instance AS m
    UNION ALL
    SELECT m.old_run_id FROM moved_instance AS m
    UNION ALL
    SELECT m.instance_id FROM moved_instance AS m
    UNION ALL
    SELECT coalesce(o.run_id, w.run_id) AS run_id
    FROM old_conversation_window AS o
    FULL JOIN conversation_window AS w
        ON w.service_name = o.service_name AND w.run_id = o.run_id AND w.start_ns = o.start_ns
        AND w.end_ns = o.end_ns AND w.hour = o.hour
    WHERE o.hour IS NULL OR w.hour IS NULL
    UNION ALL
    SELECT run_id FROM old_runs WHERE status = 'running'
) AS s
WHERE s.run_id IS NOT NULL

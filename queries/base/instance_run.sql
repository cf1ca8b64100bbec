-- Grain: a service instance whose traces name exactly one run or session: that run.
SELECT instance_id, min(coalesce(own_run_id, session_id)) AS run_id
FROM trace
WHERE instance_id IS NOT NULL AND coalesce(own_run_id, session_id) IS NOT NULL
GROUP BY instance_id
HAVING min(coalesce(own_run_id, session_id)) = max(coalesce(own_run_id, session_id))

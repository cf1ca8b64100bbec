-- Grain: a service instance whose traces name exactly one run or session: that run.
CREATE OR REPLACE VIEW instance_run AS
SELECT instance_id, min(run_id) AS run_id
FROM trace
WHERE instance_id IS NOT NULL AND run_id_source IN ('run', 'session')
GROUP BY instance_id
HAVING min(run_id) = max(run_id);

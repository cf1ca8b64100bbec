-- Instances that lend another run than the index knew, or none, or one for the first time.
-- Grain: a service instance.
SELECT
    coalesce(o.instance_id, i.instance_id) AS instance_id,
    o.run_id AS old_run_id,
    i.run_id
FROM old_instance_run AS o
FULL JOIN instance_run AS i ON i.instance_id = o.instance_id
WHERE o.run_id IS NULL OR i.run_id IS NULL OR o.run_id <> i.run_id

-- Data points as the other files read them: only times that can be reckoned with.
-- Grain: a data point of `metric_points` that belongs to a run.
-- run_id: VARCHAR: the run it belongs to
-- name: VARCHAR: the metric
-- type: VARCHAR: `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`
-- temporality: VARCHAR: `DELTA` or `CUMULATIVE`
-- start_ns: BIGINT: since when it is counted; NULL when the sender's clock says before 1970 or
--     after 2116
-- time_ns: BIGINT: the point's time; NULL as above
-- value: DOUBLE: of gauges and sums, and the sum of a histogram
-- origin: VARCHAR: who sent it
-- service_name: VARCHAR: `service.name`
-- scope_name: VARCHAR: the instrumentation scope
-- attributes: MAP(VARCHAR, VARCHAR): the point's attributes
-- resource: MAP(VARCHAR, VARCHAR): the resource's attributes
SELECT
    m.run_id,
    m.name,
    m.type,
    m.temporality,
    CASE WHEN m.start_ns BETWEEN 1 AND 4611686018427387903 THEN m.start_ns END AS start_ns,
    CASE WHEN m.time_ns BETWEEN 1 AND 4611686018427387903 THEN m.time_ns END AS time_ns,
    coalesce(m.value, m.sum) AS value,
    m.origin,
    m.service_name,
    m.scope_name,
    m.attributes,
    m.resource
FROM metric_points AS m
WHERE m.run_id IS NOT NULL

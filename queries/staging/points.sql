-- Data points that belong to a run. Continue, which names no session, begins one with each process.
-- Grain: a data point.
-- run_id: VARCHAR: the run it belongs to
-- name: VARCHAR: the metric
-- type: VARCHAR: `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`
-- temporality: VARCHAR: `DELTA` or `CUMULATIVE`
-- start_ns: BIGINT: since when it is counted; NULL when the sender's clock says before 1970 or after 2116
-- time_ns: BIGINT: the point's time; NULL as above
-- value: DOUBLE: of gauges and sums, and the sum of a histogram
-- origin: VARCHAR: who sent it
-- service_name: VARCHAR: `service.name`
-- scope_name: VARCHAR: the instrumentation scope
-- attributes: MAP(VARCHAR, VARCHAR): the point's attributes
-- resource: MAP(VARCHAR, VARCHAR): the resource's attributes
WITH point AS (
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
),

-- The counter of sessions starts with the process, before any other.
begun AS (
    SELECT
        b.host,
        b.start_ns,
        lead(b.start_ns) OVER (PARTITION BY b.host ORDER BY b.start_ns) AS next_ns
    FROM (
        SELECT DISTINCT coalesce(p.resource['host.name'], '') AS host, p.start_ns
        FROM point AS p
        WHERE p.run_id IS NULL AND p.name = 'continue_cli_session_count'
    ) AS b
)

SELECT p.* FROM point AS p WHERE p.run_id IS NOT NULL
UNION ALL
SELECT
    'continue-' || CAST(b.start_ns AS VARCHAR),
    p.name,
    p.type,
    p.temporality,
    p.start_ns,
    p.time_ns,
    p.value,
    p.origin,
    p.service_name,
    p.scope_name,
    p.attributes,
    p.resource
FROM point AS p
JOIN begun AS b
    ON b.host = coalesce(p.resource['host.name'], '')
        AND p.start_ns >= b.start_ns
        AND (p.start_ns < b.next_ns OR b.next_ns IS NULL)
WHERE p.run_id IS NULL AND p.name LIKE 'continue_cli%'

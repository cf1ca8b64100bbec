-- What each source says of the tokens of a run; the sources are compared, never added.
-- Grain: a run, a source and a dialect.
-- Kept: by run
-- run_id: VARCHAR: the run
-- source: VARCHAR: `proxy`, `span`, `log` or `metric`
-- dialect: VARCHAR: how it was told; of metrics the metric
-- answered: BIGINT: answered calls that it tells of; NULL for metrics
-- total_tokens: BIGINT: tokens in and out; NULL when an answered call lacks them
SELECT
    c.run_id,
    c.source,
    c.dialect,
    count(CASE WHEN c.error_type IS NULL THEN 1 END) AS answered,
    CASE
        WHEN count(
            CASE
                WHEN c.error_type IS NULL AND (c.input_tokens IS NULL OR c.output_tokens IS NULL)
                    THEN 1
            END
        ) = 0
            THEN CAST(sum(coalesce(c.input_tokens, 0) + coalesce(c.output_tokens, 0)) AS BIGINT)
    END AS total_tokens
FROM stg_calls AS c
GROUP BY c.run_id, c.source, c.dialect
UNION ALL
SELECT
    m.run_id,
    'metric',
    m.metric,
    CAST(NULL AS BIGINT),
    m.input_tokens + m.output_tokens
FROM metric_totals AS m

-- Models that were called and that the price table does not know: their calls have no cost.
-- Grain: a model.
-- model: VARCHAR: the model that answered, else the one that was asked for; NULL when nobody told
-- calls: BIGINT: answered attempts without a price
-- runs: BIGINT: runs that they belong to
-- first_at: TIMESTAMP: when the first of them began, UTC
-- last_at: TIMESTAMP: when the last of them began, UTC
SELECT
    coalesce(m.response_model, m.request_model) AS model,
    count(*) AS calls,
    count(DISTINCT m.run_id) AS runs,
    min(m.started_at) AS first_at,
    max(m.started_at) AS last_at
FROM model_calls AS m
WHERE m.priced_as IS NULL AND m.error_type IS NULL
GROUP BY coalesce(m.response_model, m.request_model)

-- What an agent's metrics say that a run cost. Nothing is added to what its calls say: it stands
-- beside it, and alone where an agent tells of no call.
-- Grain: a run whose agent sends token metrics.
-- Kept: by run
-- run_id: VARCHAR: the run
-- metric: VARCHAR: the metric that the tokens are read from
-- input_tokens: BIGINT: tokens in, with those read from and written to a cache
-- output_tokens: BIGINT: tokens out, with reasoning
-- cache_read_tokens: BIGINT: of those in: read from a cache
-- cache_creation_tokens: BIGINT: of those in: written to a cache
-- reasoning_tokens: BIGINT: of those out: reasoning
-- cost_usd: DOUBLE: what the agent says it cost
WITH point AS (
    SELECT
        p.run_id,
        p.name,
        CASE
            WHEN p.name LIKE 'gen_ai.client.inference.usage.%' THEN 'gen_ai.client.inference.usage'
            ELSE p.name
        END AS metric,
        coalesce(
            p.attributes['type'], p.attributes['token_type'], p.attributes['gen_ai.token.type'],
            CASE
                WHEN p.name LIKE 'gen_ai.client.inference.usage.%'
                    THEN regexp_replace(p.name, '^gen_ai.client.inference.usage.', '')
            END
        ) AS kind,
        p.temporality,
        p.start_ns,
        p.time_ns,
        p.value,
        CAST(p.attributes AS VARCHAR) AS series
    FROM stg_points AS p
    WHERE p.name IN (
        'claude_code.token.usage', 'claude_code.cost.usage', 'codex.turn.token_usage',
        'gemini_cli.token.usage', 'qwen-code.token.usage', 'continue_cli_token_usage',
        'continue_cli_cost_usage', 'gen_ai.client.token.usage'
    )
    OR p.name LIKE 'gen_ai.client.inference.usage.%'
),

-- Cumulative sums are sent again and again: the largest of a series is its last. Deltas add up.
series AS (
    SELECT run_id, metric, kind, max(value) AS value
    FROM point
    WHERE temporality = 'CUMULATIVE'
    GROUP BY run_id, metric, kind, name, series, start_ns
    UNION ALL
    SELECT run_id, metric, kind, value
    FROM point
    WHERE temporality = 'DELTA'
),

total AS (
    SELECT
        s.run_id,
        s.metric,
        sum(CASE WHEN s.kind = 'input' OR s.kind = 'input_tokens' THEN s.value END) AS tokens_in,
        sum(CASE WHEN s.kind = 'output' OR s.kind = 'output_tokens' THEN s.value END) AS tokens_out,
        sum(CASE
            WHEN s.kind IN ('cacheRead', 'cached_input', 'cache', 'cache_read.input_tokens')
                THEN s.value
        END) AS cache_read,
        sum(CASE
            WHEN s.kind IN ('cacheCreation', 'cache_write_input', 'cache_write.input_tokens')
                THEN s.value
        END) AS cache_creation,
        sum(CASE
            WHEN s.kind IN ('thought', 'reasoning_output', 'reasoning.output_tokens') THEN s.value
        END) AS reasoning,
        sum(CASE WHEN s.metric LIKE '%cost%' THEN s.value END) AS cost_usd
    FROM series AS s
    GROUP BY s.run_id, s.metric
),

-- The same in one meaning; of several metrics of a run the agent's own goes first.
meant AS (
    SELECT
        t.run_id,
        t.metric,
        CASE
            WHEN t.metric = 'claude_code.token.usage'
                THEN t.tokens_in + t.cache_read + t.cache_creation
            ELSE t.tokens_in
        END AS tokens_in,
        CASE
            WHEN t.metric = 'gemini_cli.token.usage' THEN t.tokens_out + t.reasoning
            ELSE t.tokens_out
        END AS tokens_out,
        t.cache_read,
        t.cache_creation,
        t.reasoning,
        row_number() OVER (
            PARTITION BY t.run_id
            ORDER BY
                CASE WHEN t.metric = 'gen_ai.client.token.usage' THEN 1 ELSE 0 END, t.metric
        ) AS choice
    FROM total AS t
    WHERE t.metric NOT LIKE '%cost%'
)

SELECT
    m.run_id,
    m.metric,
    TRY_CAST(m.tokens_in AS BIGINT) AS input_tokens,
    TRY_CAST(m.tokens_out AS BIGINT) AS output_tokens,
    TRY_CAST(m.cache_read AS BIGINT) AS cache_read_tokens,
    TRY_CAST(m.cache_creation AS BIGINT) AS cache_creation_tokens,
    TRY_CAST(m.reasoning AS BIGINT) AS reasoning_tokens,
    c.cost_usd
FROM meant AS m
LEFT JOIN (
    SELECT run_id, sum(cost_usd) AS cost_usd FROM total WHERE cost_usd IS NOT NULL GROUP BY run_id
) AS c
    ON c.run_id = m.run_id
WHERE m.choice = 1

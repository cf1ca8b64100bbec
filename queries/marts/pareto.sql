-- Which agents and models nobody beats: in score and cost together, and in score and time together.
-- Grain: an agent and a model.
-- agent: VARCHAR: the agent
-- model: VARCHAR: the model
-- valid_runs: BIGINT: runs that were not spoiled
-- composite: DOUBLE: mean over them
-- pass_rate_valid: DOUBLE: share of them that passed
-- cost_usd: DOUBLE: mean cost; NULL when unknown
-- wall_p50_ms: DOUBLE: median wall clock
-- on_cost_frontier: BOOLEAN: nobody has at least its composite for less, or more for the same;
--     NULL without a cost
-- on_time_frontier: BOOLEAN: the same for the median wall clock
WITH board AS (
    SELECT *
    FROM leaderboard
)

SELECT
    a.agent,
    a.model,
    a.valid_runs,
    a.composite,
    a.pass_rate_valid,
    a.cost_usd,
    a.wall_p50_ms,
    CASE WHEN a.composite IS NOT NULL AND a.cost_usd IS NOT NULL
        THEN NOT coalesce(bool_or(
            b.composite >= a.composite AND b.cost_usd <= a.cost_usd
            AND (b.composite > a.composite OR b.cost_usd < a.cost_usd)
        ), false)
    END AS on_cost_frontier,
    CASE WHEN a.composite IS NOT NULL AND a.wall_p50_ms IS NOT NULL
        THEN NOT coalesce(bool_or(
            b.composite >= a.composite AND b.wall_p50_ms <= a.wall_p50_ms
            AND (b.composite > a.composite OR b.wall_p50_ms < a.wall_p50_ms)
        ), false)
    END AS on_time_frontier
FROM board AS a
CROSS JOIN board AS b
GROUP BY
    a.agent, a.model, a.valid_runs, a.composite, a.pass_rate_valid, a.cost_usd, a.wall_p50_ms

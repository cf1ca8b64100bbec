-- Runs of two agents (same model) or two models (same agent) on the same task, side by side: the
-- n-th run of one beside the n-th of the other. Spoiled runs are here, and marked.
-- Grain: a pair of runs.
-- differs_in: VARCHAR: what differs: `agent` or `model`
-- a: VARCHAR: the one
-- b: VARCHAR: the other
-- shared: VARCHAR: the model, or agent, that both have
-- task: VARCHAR: the task
-- nth: BIGINT: which of the repeats, by start
-- run_a: VARCHAR: the run of a
-- run_b: VARCHAR: the run of b
-- is_valid: BOOLEAN: neither was spoiled, and both have a verdict
-- pass_a: INTEGER: 1 passed, 0 did not
-- pass_b: INTEGER: 1 passed, 0 did not
-- wall_a_ms: DOUBLE: wall clock of a
-- wall_b_ms: DOUBLE: wall clock of b
-- tokens_a: BIGINT: tokens of a; NULL when unknown
-- tokens_b: BIGINT: tokens of b; NULL when unknown
WITH numbered AS (
    SELECT
        s.run_id,
        s.agent,
        s.model,
        s.task,
        s.pass,
        s.outcome <> 'spoiled' AND s.pass IS NOT NULL AS is_valid,
        s.wall_clock_ms,
        s.total_tokens,
        row_number() OVER (
            PARTITION BY s.agent, s.model, s.task ORDER BY s.started_at, s.run_id
        ) AS nth
    FROM scores AS s
    WHERE s.source <> 'native' AND s.outcome <> 'running'
)

SELECT
    'agent' AS differs_in,
    x.agent AS a,
    y.agent AS b,
    x.model AS shared,
    x.task,
    x.nth,
    x.run_id AS run_a,
    y.run_id AS run_b,
    x.is_valid AND y.is_valid AS is_valid,
    x.pass AS pass_a,
    y.pass AS pass_b,
    x.wall_clock_ms AS wall_a_ms,
    y.wall_clock_ms AS wall_b_ms,
    x.total_tokens AS tokens_a,
    y.total_tokens AS tokens_b
FROM numbered AS x
JOIN numbered AS y
    ON y.model = x.model AND y.task = x.task AND y.nth = x.nth AND y.agent <> x.agent
UNION ALL
SELECT
    'model',
    x.model,
    y.model,
    x.agent,
    x.task,
    x.nth,
    x.run_id,
    y.run_id,
    x.is_valid AND y.is_valid,
    x.pass,
    y.pass,
    x.wall_clock_ms,
    y.wall_clock_ms,
    x.total_tokens,
    y.total_tokens
FROM numbered AS x
JOIN numbered AS y
    ON y.agent = x.agent AND y.task = x.task AND y.nth = x.nth AND y.model <> x.model

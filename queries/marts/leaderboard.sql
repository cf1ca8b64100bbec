-- Agents and models by what their runs came to: as recorded, and beside it without the spoiled
-- runs. Sessions of bare agents and runs that are still running are not in it.
-- Grain: an agent and a model.
-- agent: VARCHAR: the agent
-- model: VARCHAR: the model
-- tasks: BIGINT: tasks that were tried
-- runs: BIGINT: runs
-- passes: BIGINT: runs that passed
-- violations: BIGINT: those of them that broke a rule
-- unknown: BIGINT: runs of which nobody can say who is to blame
-- pass_rate: DOUBLE: passes / runs
-- pass_rate_low: DOUBLE: lower end of its 95 % Wilson interval
-- pass_rate_high: DOUBLE: upper end
-- valid_runs: BIGINT: runs that infra, provider, harness and operator did not spoil
-- pass_rate_valid: DOUBLE: passes among them / valid_runs
-- pass_rate_valid_low: DOUBLE: lower end of its 95 % Wilson interval
-- pass_rate_valid_high: DOUBLE: upper end
-- left_out: VARCHAR: the classes of the spoiled runs, each with how many
-- citable_runs: BIGINT: runs that may be cited; where there are fewer than runs, its figures are
--     provisional
-- k: BIGINT: the fewest valid runs of any of its tasks that has one
-- pass_at_k: DOUBLE: chance that at least one of k runs of a task passes, mean over tasks
-- pass_hat_k: DOUBLE: chance that all of k runs pass, mean over tasks
-- stability: DOUBLE: share of tasks with repeats whose valid runs all came out alike
-- composite: DOUBLE: mean over valid runs, what was not measured counting 0
-- composite_high: DOUBLE: mean over valid runs, what was not measured counting 1
-- composite_published: DOUBLE: mean over all runs, by the published rule
-- coverage: DOUBLE: mean share of the weight that was measured, over valid runs
-- wall_p50_ms: DOUBLE: median wall clock of valid runs
-- wall_p95_ms: DOUBLE: 95th percentile
-- tokens_p50: DOUBLE: median tokens of the valid runs whose tokens are known
-- tokens_p95: DOUBLE: 95th percentile
-- cost_usd: DOUBLE: mean cost of the valid runs whose cost is known
WITH scored AS (
    SELECT
        s.*,
        s.outcome <> 'spoiled' AS is_valid,
        e.citable
    FROM scores AS s
    LEFT JOIN evidence AS e ON e.run_id = s.run_id
    WHERE s.source <> 'native' AND s.outcome <> 'running'
),

counted AS (
    SELECT
        agent,
        model,
        count(DISTINCT task) AS tasks,
        count(*) AS runs,
        count(CASE WHEN pass = 1 THEN 1 END) AS passes,
        count(CASE WHEN outcome = 'violation' THEN 1 END) AS violations,
        count(CASE WHEN outcome = 'unknown' THEN 1 END) AS unknown,
        count(CASE WHEN citable THEN 1 END) AS citable_runs,
        count(CASE WHEN is_valid THEN 1 END) AS valid_runs,
        count(CASE WHEN is_valid AND pass = 1 THEN 1 END) AS valid_passes,
        avg(composite) AS composite,
        avg(composite_high) AS composite_high,
        avg(composite_published) AS composite_published,
        avg(CASE WHEN is_valid THEN coverage END) AS coverage,
        quantile_cont(CASE WHEN is_valid THEN wall_clock_ms END, 0.5) AS wall_p50_ms,
        quantile_cont(CASE WHEN is_valid THEN wall_clock_ms END, 0.95) AS wall_p95_ms,
        quantile_cont(CASE WHEN is_valid THEN CAST(total_tokens AS DOUBLE) END, 0.5) AS tokens_p50,
        quantile_cont(CASE WHEN is_valid THEN CAST(total_tokens AS DOUBLE) END, 0.95) AS tokens_p95,
        avg(CASE WHEN is_valid THEN cost_usd END) AS cost_usd
    FROM scored
    GROUP BY agent, model
),

rated AS (
    SELECT
        c.*,
        CAST(passes AS DOUBLE) / runs AS rate,
        CAST(valid_passes AS DOUBLE) / nullif(valid_runs, 0) AS valid_rate,
        -- z squared by n, for z = 1.959963984540054
        3.841458820694124 / runs AS w,
        3.841458820694124 / nullif(valid_runs, 0) AS v
    FROM counted AS c
),

widened AS (
    SELECT
        r.*,
        sqrt(w * rate * (1 - rate) + w * w / 4) AS width,
        sqrt(v * valid_rate * (1 - valid_rate) + v * v / 4) AS valid_width
    FROM rated AS r
),

spoilt AS (
    SELECT
        agent,
        model,
        array_to_string(list_sort(list(failure_class || ' ' || CAST(n AS VARCHAR))), ', ')
            AS left_out
    FROM (
        SELECT agent, model, failure_class, count(*) AS n
        FROM scored
        WHERE NOT is_valid
        GROUP BY agent, model, failure_class
    ) AS classes
    GROUP BY agent, model
),

task_results AS (
    SELECT
        agent,
        model,
        task,
        count(*) AS valid_runs,
        count(CASE WHEN pass = 1 THEN 1 END) AS passes
    FROM scored
    WHERE is_valid
    GROUP BY agent, model, task
),

repeats AS (
    SELECT
        agent,
        model,
        min(valid_runs) AS k,
        CAST(count(CASE WHEN valid_runs > 1 AND passes IN (0, valid_runs) THEN 1 END) AS DOUBLE)
        / nullif(count(CASE WHEN valid_runs > 1 THEN 1 END), 0) AS stability
    FROM task_results
    GROUP BY agent, model
),

-- A factor for each of k draws without putting back: all that fail, all that pass.
draws AS (
    SELECT
        d.agent,
        d.model,
        d.task,
        CAST(d.valid_runs - d.passes - d.i AS DOUBLE) / (d.valid_runs - d.i) AS fail,
        CAST(d.passes - d.i AS DOUBLE) / (d.valid_runs - d.i) AS hit
    FROM (
        SELECT t.agent, t.model, t.task, t.valid_runs, t.passes, unnest(range(b.k)) AS i
        FROM task_results AS t
        JOIN repeats AS b
            ON b.agent IS NOT DISTINCT FROM t.agent AND b.model IS NOT DISTINCT FROM t.model
    ) AS d
),

chances AS (
    SELECT
        agent,
        model,
        avg(1.0 - all_fail) AS pass_at_k,
        avg(all_hit) AS pass_hat_k
    FROM (
        SELECT
            agent,
            model,
            task,
            CASE WHEN min(fail) <= 0 THEN 0.0 ELSE exp(sum(ln(nullif(greatest(fail, 0), 0)))) END
                AS all_fail,
            CASE WHEN min(hit) <= 0 THEN 0.0 ELSE exp(sum(ln(nullif(greatest(hit, 0), 0)))) END
                AS all_hit
        FROM draws
        GROUP BY agent, model, task
    ) AS tasks
    GROUP BY agent, model
)

SELECT
    r.agent,
    r.model,
    r.tasks,
    r.runs,
    r.passes,
    r.violations,
    r.unknown,
    r.rate AS pass_rate,
    CASE WHEN r.rate > 0 THEN (r.rate + w / 2 - width) / (1 + w) ELSE 0 END AS pass_rate_low,
    CASE WHEN r.rate < 1 THEN (r.rate + w / 2 + width) / (1 + w) ELSE 1 END AS pass_rate_high,
    r.valid_runs,
    r.valid_rate AS pass_rate_valid,
    CASE
        WHEN r.valid_rate = 0 THEN 0
        ELSE (r.valid_rate + v / 2 - valid_width) / (1 + v)
    END AS pass_rate_valid_low,
    CASE
        WHEN r.valid_rate = 1 THEN 1
        ELSE (r.valid_rate + v / 2 + valid_width) / (1 + v)
    END AS pass_rate_valid_high,
    coalesce(s.left_out, '') AS left_out,
    r.citable_runs,
    b.k,
    h.pass_at_k,
    h.pass_hat_k,
    b.stability,
    r.composite,
    r.composite_high,
    r.composite_published,
    r.coverage,
    r.wall_p50_ms,
    r.wall_p95_ms,
    r.tokens_p50,
    r.tokens_p95,
    r.cost_usd
FROM widened AS r
LEFT JOIN spoilt AS s
    ON s.agent IS NOT DISTINCT FROM r.agent AND s.model IS NOT DISTINCT FROM r.model
LEFT JOIN repeats AS b
    ON b.agent IS NOT DISTINCT FROM r.agent AND b.model IS NOT DISTINCT FROM r.model
LEFT JOIN chances AS h
    ON h.agent IS NOT DISTINCT FROM r.agent AND h.model IS NOT DISTINCT FROM r.model

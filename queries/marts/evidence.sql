-- How far a run can be trusted: A complete, measured and reconciled; B complete, with derived
-- timings, missing usage or unwatched calls; C a phase, a source or agreement missing; D published
-- figures only.
-- Grain: a run.
-- Kept: by run
-- run_id: VARCHAR: the run
-- grade: VARCHAR: `A`, `B`, `C`, `D`; a bare agent's session is at most C
-- citable: BOOLEAN: grade A or B, its identity known, and nothing said against it; else it is
--     provisional
-- missing: VARCHAR: what keeps it from grade A, with a comma between; empty if nothing does
-- is_complete: BOOLEAN: root and all phases closed, no orphan among the harness' spans, nothing
--     dropped
-- is_measured: BOOLEAN: each phase, call and tool call with a live start and end
-- is_reconciled: BOOLEAN: every call that was answered or broke off has usage, and no second source
--     of tokens disagrees by more than 1 %
-- is_watched: BOOLEAN: every model call went through the recording proxy
-- orphans: BIGINT: spans of the harness whose parent never came
-- agent_orphans: BIGINT: other spans whose parent never came
-- dropped: BIGINT: spans that the harness lost, and attributes, events and links that any sender
--     left out
-- calls_without_usage: BIGINT: attempts, answered or broken off, that lack tokens
-- token_sources: VARCHAR: what each source says of the tokens
-- tokens_differ_by: DOUBLE: the largest difference to what the calls came to, as a share of it
WITH orphaned AS (
    SELECT
        s.run_id,
        count(*) AS orphans
    FROM stg_spans AS s
    LEFT JOIN stg_spans AS p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
    WHERE s.origin = 'harness' AND s.parent_span_id IS NOT NULL AND p.span_id IS NULL
    GROUP BY s.run_id
),

dropped AS (
    SELECT
        s.run_id,
        sum(s.dropped) AS dropped
    FROM stg_spans AS s
    GROUP BY s.run_id
),

timed AS (
    SELECT
        t.run_id,
        count(CASE WHEN t.timing <> 'measured' THEN 1 END) AS unmeasured
    FROM (
        SELECT run_id, timing
        FROM tool_calls
        UNION ALL
        SELECT run_id, timing
        FROM model_calls
    ) AS t
    GROUP BY t.run_id
),

compared AS (
    SELECT
        t.run_id,
        array_to_string(
            list_sort(list(concat(
                t.source, ' ', t.dialect, ' ', coalesce(CAST(t.total_tokens AS VARCHAR), 'unknown')
            ))), ', '
        ) AS token_sources,
        max(
            CASE
                WHEN c.calls_without_usage = 0 AND coalesce(t.answered, c.answered) = c.answered
                    THEN abs(t.total_tokens - c.known_input_tokens - c.known_output_tokens)
                        / nullif(
                            CAST(c.known_input_tokens + c.known_output_tokens AS DOUBLE), 0
                        )
            END
        ) AS tokens_differ_by
    FROM token_sources AS t
    LEFT JOIN call_facts AS c ON c.run_id = t.run_id
    GROUP BY t.run_id
),

facts AS (
    SELECT
        r.run_id,
        r.source,
        r.citable
        AND r.agent IS NOT NULL
        AND r.agent_version IS NOT NULL
        AND r.model IS NOT NULL
        AND r.task IS NOT NULL
        AND r.task_version IS NOT NULL AS is_identified,
        r.status,
        p.missing_phases,
        coalesce(p.is_closed, false) AS is_closed,
        coalesce(p.is_measured, false) AND coalesce(t.unmeasured, 0) = 0 AS is_measured,
        coalesce(p.calls_complete, false) AS is_watched,
        coalesce(o.orphans, 0) AS orphans,
        r.orphan_spans - coalesce(o.orphans, 0) AS agent_orphans,
        CAST(coalesce(d.dropped, 0) + coalesce(p.spans_dropped, 0) AS BIGINT) AS dropped,
        coalesce(t.unmeasured, 0) AS unmeasured,
        c.attempts,
        coalesce(c.calls_without_usage, 0) AS calls_without_usage,
        k.token_sources,
        k.tokens_differ_by
    FROM runs AS r
    LEFT JOIN phase_facts AS p ON p.run_id = r.run_id
    LEFT JOIN call_facts AS c ON c.run_id = r.run_id
    LEFT JOIN orphaned AS o ON o.run_id = r.run_id
    LEFT JOIN dropped AS d ON d.run_id = r.run_id
    LEFT JOIN timed AS t ON t.run_id = r.run_id
    LEFT JOIN compared AS k ON k.run_id = r.run_id
),

judged AS (
    SELECT
        f.*,
        source = 'adapter' AND status = 'finished' AND is_closed AND missing_phases = ''
        AND orphans = 0 AND dropped = 0 AS is_complete,
        calls_without_usage = 0 AND coalesce(tokens_differ_by, 0) <= 0.01 AS is_reconciled
    FROM facts AS f
),

graded AS (
    SELECT
        j.*,
        CASE
            WHEN source = 'import' THEN 'D'
            WHEN source = 'native' OR NOT is_complete THEN 'C'
            WHEN tokens_differ_by > 0.01 OR (attempts IS NULL AND NOT is_watched) THEN 'C'
            WHEN is_measured AND is_reconciled AND is_watched THEN 'A'
            ELSE 'B'
        END AS grade
    FROM judged AS j
)

SELECT
    run_id,
    grade,
    is_identified AND grade IN ('A', 'B') AS citable,
    concat_ws(
        ', ',
        CASE source
            WHEN 'import' THEN 'everything but what was published'
            WHEN 'native' THEN 'the harness'
            ELSE nullif(missing_phases, '')
        END,
        CASE WHEN source = 'adapter' AND status <> 'finished' THEN 'its end' END,
        CASE WHEN source = 'adapter' AND NOT is_closed THEN 'one closed span a phase' END,
        CASE
            WHEN orphans > 0
                THEN concat('parents of ', CAST(orphans AS VARCHAR), ' spans of the harness')
        END,
        CASE
            WHEN dropped > 0
                THEN concat(CAST(dropped AS VARCHAR), ' dropped spans or parts of spans')
        END,
        CASE WHEN NOT is_watched THEN 'a proxy that carried all model calls' END,
        CASE
            WHEN calls_without_usage > 0
                THEN concat(
                    'tokens of ', CAST(calls_without_usage AS VARCHAR),
                    CASE calls_without_usage WHEN 1 THEN ' call' ELSE ' calls' END
                )
        END,
        CASE WHEN tokens_differ_by > 0.01 THEN 'token sources that agree' END,
        CASE
            WHEN unmeasured > 0
                THEN concat(
                    'measured times of ', CAST(unmeasured AS VARCHAR),
                    CASE unmeasured WHEN 1 THEN ' call' ELSE ' calls' END
                )
        END
    ) AS missing,
    is_complete,
    is_measured,
    is_reconciled,
    is_watched,
    orphans,
    agent_orphans,
    dropped,
    calls_without_usage,
    token_sources,
    tokens_differ_by
FROM graded

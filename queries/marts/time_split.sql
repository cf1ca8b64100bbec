-- Where the time of a run went. The parts add up to the total, exactly; what overlaps counts once,
-- for the part that stands first: model wait, retry wait, tools, agent, start, setup, diff, verify,
-- cleanup. A part that nobody watched is NULL, and its time is in `agent_ns` or `unattributed_ns`.
-- Grain: a run.
-- Kept: by run
-- run_id: VARCHAR: the run
-- total_ns: BIGINT: its `cell_run`; of a native run, from the first thing seen to the last; NULL
--     without an end
-- wall_ns: BIGINT: its `adapter_run`: the wall clock that scores are computed from
-- setup_ns: BIGINT: the workspace was made
-- start_overhead_ns: BIGINT: from the start of `adapter_run` to that of its container
-- model_wait_ns: BIGINT: an attempt to call a model was under way
-- retry_wait_ns: BIGINT: from a failed attempt to the next of the same call, or to the agent's end
-- tools_ns: BIGINT: a tool was at work
-- agent_ns: BIGINT: the container ran, and none of these
-- diff_ns: BIGINT: the workspace was compared
-- verify_ns: BIGINT: the verifier ran
-- cleanup_ns: BIGINT: what was left was removed
-- unattributed_ns: BIGINT: the rest of the total; NULL when that is
WITH phase AS (
    SELECT
        s.run_id,
        s.role,
        min(s.start_ns) AS start_ns,
        max(s.end_ns) AS end_ns,
        bool_or(s.attributes['spanscore.calls.complete'] = 'true') AS calls_complete
    FROM stg_spans AS s
    WHERE s.role IN (
        'task_setup', 'adapter_run', 'container', 'workspace_diff', 'verify', 'cleanup'
    )
    GROUP BY s.run_id, s.role
),

run AS (
    SELECT
        r.run_id,
        r.start_ns,
        r.end_ns,
        CASE WHEN r.roots > 0 OR r.source = 'native' THEN r.end_ns - r.start_ns END AS total_ns,
        a.start_ns AS adapter_start_ns,
        a.end_ns - a.start_ns AS wall_ns,
        c.start_ns AS container_start_ns,
        coalesce(c.end_ns, a.end_ns, r.end_ns) AS agent_end_ns,
        coalesce(a.calls_complete, false) AS calls_complete
    FROM runs AS r
    LEFT JOIN phase AS a ON a.run_id = r.run_id AND a.role = 'adapter_run'
    LEFT JOIN phase AS c ON c.run_id = r.run_id AND c.role = 'container'
),

-- A call that failed for good keeps the agent waiting to its end, unless it went on to another.
attempt AS (
    SELECT
        m.run_id,
        m.start_ns,
        coalesce(m.end_ns, m.start_ns) AS end_ns,
        m.error_type IS NOT NULL AS is_failed,
        m.purpose,
        lead(m.start_ns) OVER (
            PARTITION BY m.run_id, m.call_id ORDER BY m.start_ns, m.end_ns, m.span_id
        ) AS next_ns,
        max(m.start_ns) OVER (PARTITION BY m.run_id) AS last_ns
    FROM stg_attempts AS m
),

part AS (
    SELECT a.run_id, 'model' AS part, a.start_ns, a.end_ns FROM attempt AS a
    UNION ALL
    SELECT
        a.run_id,
        'retry',
        a.end_ns,
        CASE
            WHEN a.next_ns IS NOT NULL THEN a.next_ns
            WHEN a.purpose = 'main' AND a.start_ns = a.last_ns THEN r.agent_end_ns
        END
    FROM attempt AS a
    JOIN run AS r ON r.run_id = a.run_id
    WHERE a.is_failed
    UNION ALL
    SELECT t.run_id, 'tools', t.start_ns, t.end_ns FROM tool_calls AS t
    UNION ALL
    SELECT r.run_id, 'start', r.adapter_start_ns, r.container_start_ns FROM run AS r
    UNION ALL
    SELECT
        s.run_id,
        CASE s.role
            WHEN 'container' THEN 'agent'
            WHEN 'task_setup' THEN 'setup'
            WHEN 'workspace_diff' THEN 'diff'
            ELSE s.role
        END,
        s.start_ns,
        s.end_ns
    FROM stg_spans AS s
    WHERE s.role IN ('task_setup', 'container', 'workspace_diff', 'verify', 'cleanup')
),

clipped AS (
    SELECT
        p.run_id,
        p.part,
        greatest(p.start_ns, r.start_ns) AS start_ns,
        least(p.end_ns, r.end_ns) AS end_ns
    FROM part AS p
    JOIN run AS r ON r.run_id = p.run_id
    WHERE p.start_ns IS NOT NULL AND p.end_ns IS NOT NULL
),

-- At each edge of an interval, how many of each part begin less how many end.
edge AS (
    SELECT
        e.run_id,
        e.at_ns,
        sum(CASE WHEN e.part = 'model' THEN e.change ELSE 0 END) AS model,
        sum(CASE WHEN e.part = 'retry' THEN e.change ELSE 0 END) AS retry,
        sum(CASE WHEN e.part = 'tools' THEN e.change ELSE 0 END) AS tools,
        sum(CASE WHEN e.part = 'agent' THEN e.change ELSE 0 END) AS agent,
        sum(CASE WHEN e.part = 'start' THEN e.change ELSE 0 END) AS start,
        sum(CASE WHEN e.part = 'setup' THEN e.change ELSE 0 END) AS setup,
        sum(CASE WHEN e.part = 'diff' THEN e.change ELSE 0 END) AS diff,
        sum(CASE WHEN e.part = 'verify' THEN e.change ELSE 0 END) AS verify,
        sum(CASE WHEN e.part = 'cleanup' THEN e.change ELSE 0 END) AS cleanup
    FROM (
        SELECT c.run_id, c.part, c.start_ns AS at_ns, 1 AS change
        FROM clipped AS c
        WHERE c.start_ns < c.end_ns
        UNION ALL
        SELECT c.run_id, c.part, c.end_ns, -1
        FROM clipped AS c
        WHERE c.start_ns < c.end_ns
    ) AS e
    GROUP BY e.run_id, e.at_ns
),

-- From one edge to the next: which parts are under way.
stretch AS (
    SELECT
        e.run_id,
        lead(e.at_ns) OVER by_time - e.at_ns AS ns,
        sum(e.model) OVER by_time > 0 AS in_model,
        sum(e.retry) OVER by_time > 0 AS in_retry,
        sum(e.tools) OVER by_time > 0 AS in_tools,
        sum(e.agent) OVER by_time > 0 AS in_agent,
        sum(e.start) OVER by_time > 0 AS in_start,
        sum(e.setup) OVER by_time > 0 AS in_setup,
        sum(e.diff) OVER by_time > 0 AS in_diff,
        sum(e.verify) OVER by_time > 0 AS in_verify,
        sum(e.cleanup) OVER by_time > 0 AS in_cleanup
    FROM edge AS e
    WINDOW by_time AS (PARTITION BY e.run_id ORDER BY e.at_ns)
),

counted AS (
    SELECT
        s.run_id,
        s.ns,
        CASE
            WHEN s.in_model THEN 'model'
            WHEN s.in_retry THEN 'retry'
            WHEN s.in_tools THEN 'tools'
            WHEN s.in_agent THEN 'agent'
            WHEN s.in_start THEN 'start'
            WHEN s.in_setup THEN 'setup'
            WHEN s.in_diff THEN 'diff'
            WHEN s.in_verify THEN 'verify'
            WHEN s.in_cleanup THEN 'cleanup'
        END AS part
    FROM stretch AS s
    WHERE s.ns IS NOT NULL
),

summed AS (
    SELECT
        c.run_id,
        CAST(sum(CASE WHEN c.part = 'model' THEN c.ns ELSE 0 END) AS BIGINT) AS model_ns,
        CAST(sum(CASE WHEN c.part = 'retry' THEN c.ns ELSE 0 END) AS BIGINT) AS retry_ns,
        CAST(sum(CASE WHEN c.part = 'tools' THEN c.ns ELSE 0 END) AS BIGINT) AS tools_ns,
        CAST(sum(CASE WHEN c.part = 'agent' THEN c.ns ELSE 0 END) AS BIGINT) AS agent_ns,
        CAST(sum(CASE WHEN c.part = 'start' THEN c.ns ELSE 0 END) AS BIGINT) AS start_ns,
        CAST(sum(CASE WHEN c.part = 'setup' THEN c.ns ELSE 0 END) AS BIGINT) AS setup_ns,
        CAST(sum(CASE WHEN c.part = 'diff' THEN c.ns ELSE 0 END) AS BIGINT) AS diff_ns,
        CAST(sum(CASE WHEN c.part = 'verify' THEN c.ns ELSE 0 END) AS BIGINT) AS verify_ns,
        CAST(sum(CASE WHEN c.part = 'cleanup' THEN c.ns ELSE 0 END) AS BIGINT) AS cleanup_ns,
        CAST(sum(CASE WHEN c.part IS NOT NULL THEN c.ns ELSE 0 END) AS BIGINT) AS all_ns
    FROM counted AS c
    GROUP BY c.run_id
),

-- Which parts were watched at all: the others are unknown, not 0.
watched AS (
    SELECT
        p.run_id,
        bool_or(p.part = 'model') AS model,
        bool_or(p.part = 'tools') AS tools,
        bool_or(p.part = 'agent') AS agent,
        bool_or(p.part = 'setup') AS setup,
        bool_or(p.part = 'diff') AS diff,
        bool_or(p.part = 'verify') AS verify,
        bool_or(p.part = 'cleanup') AS cleanup
    FROM part AS p
    GROUP BY p.run_id
)

SELECT
    r.run_id,
    r.total_ns,
    r.wall_ns,
    CASE WHEN w.setup THEN coalesce(s.setup_ns, 0) END AS setup_ns,
    CASE
        WHEN r.adapter_start_ns IS NOT NULL AND r.container_start_ns IS NOT NULL
            THEN coalesce(s.start_ns, 0)
    END AS start_overhead_ns,
    CASE WHEN w.model OR r.calls_complete THEN coalesce(s.model_ns, 0) END AS model_wait_ns,
    CASE WHEN w.model OR r.calls_complete THEN coalesce(s.retry_ns, 0) END AS retry_wait_ns,
    CASE WHEN w.tools OR r.calls_complete THEN coalesce(s.tools_ns, 0) END AS tools_ns,
    CASE WHEN w.agent THEN coalesce(s.agent_ns, 0) END AS agent_ns,
    CASE WHEN w.diff THEN coalesce(s.diff_ns, 0) END AS diff_ns,
    CASE WHEN w.verify THEN coalesce(s.verify_ns, 0) END AS verify_ns,
    CASE WHEN w.cleanup THEN coalesce(s.cleanup_ns, 0) END AS cleanup_ns,
    r.total_ns - coalesce(s.all_ns, 0) AS unattributed_ns
FROM run AS r
LEFT JOIN summed AS s ON s.run_id = r.run_id
LEFT JOIN watched AS w ON w.run_id = r.run_id

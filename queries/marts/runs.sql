-- Every run of an agent, whether spanscore started it, somebody else did, or a record of it was
-- imported.
-- Grain: a run.
-- Kept: by run
-- run_id: VARCHAR: what joins everything of the run
-- cell_id: VARCHAR: the cell: agent, model and task; its runs are attempts at the same thing
-- sweep_id: VARCHAR: the sweep that the run is part of
-- attempt: BIGINT: the number of this run among those of its cell, from 1
-- agent: VARCHAR: the agent
-- agent_version: VARCHAR: its version
-- model: VARCHAR: the model that was asked for; of a native run, that of its first main call
-- model_build_id: VARCHAR: the provider's name of the exact build of the model
-- task: VARCHAR: the task
-- task_version: VARCHAR: its version or content hash
-- family: VARCHAR: the family of the task
-- image: VARCHAR: the container image
-- image_digest: VARCHAR: what pins the image
-- behavior_mode: VARCHAR: how the agent was set up
-- plugin_stack: VARCHAR: the plugins asked for, a JSON array
-- agent_exit_code: BIGINT: the exit code of the agent
-- verifier_exit_code: BIGINT: the exit code of the verifier
-- started_at: TIMESTAMP: when it began, UTC
-- ended_at: TIMESTAMP: when it ended, UTC; NULL while it runs and when nobody saw its end
-- source: VARCHAR: `adapter` (spanscore ran it), `native` (the agent's own telemetry alone) or
--     `import`
-- status: VARCHAR: `running`, `finished`, `interrupted` (no end, and no heartbeat for 60 s),
--     `unknown` for native
-- citable: BOOLEAN: finished under the harness, which says nothing against citing it; see
--     `evidence` for the grade
-- session_id: VARCHAR: the session or conversation that the agent names
-- service_name: VARCHAR: `service.name` of the agent's telemetry
-- spans: BIGINT: spans it has
-- logs: BIGINT: log records it has
-- traces: BIGINT: traces it has
-- orphan_spans: BIGINT: spans whose parent never came
-- roots: BIGINT: closed `cell_run` spans; a whole run of the harness has one
-- start_ns: BIGINT: its beginning, ns since 1970: of `cell_run`, else of the first thing seen
-- end_ns: BIGINT: its end: of `cell_run`, else of the last thing seen
WITH span_facts AS (
    SELECT
        s.run_id,
        min(s.start_ns) AS start_ns,
        max(s.end_ns) AS end_ns,
        count(*) AS spans,
        count(DISTINCT s.trace_id) AS traces,
        min(CASE WHEN s.role IS NULL THEN s.service_name END) AS service_name,
        min(s.session_id) AS session_id,
        min(CASE WHEN s.role IS NOT NULL THEN s.cell_id END) AS own_cell_id,
        min(s.cell_id) AS cell_id,
        min(CASE WHEN s.role IS NOT NULL THEN s.sweep_id END) AS own_sweep_id,
        min(s.sweep_id) AS sweep_id,
        min(CASE
            WHEN s.role IS NOT NULL THEN NULL
            WHEN s.scope_name = 'com.anthropic.claude_code.tracing' THEN 'claude-code'
            WHEN s.scope_name LIKE 'codex%' THEN 'codex'
            WHEN s.scope_name = 'github.copilot' THEN 'copilot'
            WHEN s.scope_name IN ('gemini-cli', 'qwen-code') THEN s.scope_name
        END) AS agent,
        min(CASE
            WHEN s.role IS NULL AND coalesce(s.scope_name, '') <> 'gemini-cli'
                THEN s.resource['service.version']
        END) AS agent_version,
        max(CASE WHEN s.role IS NOT NULL THEN s.origin END) AS origin,
        count(CASE WHEN s.role = 'cell_run' THEN 1 END) AS roots
    FROM stg_spans AS s
    GROUP BY s.run_id
),

orphans AS (
    SELECT s.run_id, count(*) AS orphan_spans
    FROM stg_spans AS s
    LEFT JOIN (SELECT DISTINCT trace_id, span_id FROM stg_spans) AS p
        ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
    WHERE s.parent_span_id IS NOT NULL AND p.span_id IS NULL
    GROUP BY s.run_id
),

log_facts AS (
    SELECT
        l.run_id,
        min(coalesce(l.start_ns, l.time_ns)) AS start_ns,
        max(l.time_ns) AS end_ns,
        count(*) AS logs,
        min(CASE WHEN l.role IS NULL THEN l.service_name END) AS service_name,
        min(l.session_id) AS session_id,
        min(CASE WHEN l.role IS NOT NULL THEN l.cell_id END) AS own_cell_id,
        min(l.cell_id) AS cell_id,
        min(CASE WHEN l.role IS NOT NULL THEN l.sweep_id END) AS own_sweep_id,
        min(l.sweep_id) AS sweep_id,
        min(CASE
            WHEN l.scope_name = 'com.anthropic.claude_code.events' THEN 'claude-code'
            WHEN l.event LIKE 'codex.%' THEN 'codex'
            WHEN l.scope_name IN ('gemini-cli', 'qwen-code') THEN l.scope_name
        END) AS agent,
        min(CASE
            WHEN l.role IS NULL AND coalesce(l.scope_name, '') <> 'gemini-cli'
                THEN l.resource['service.version']
        END) AS agent_version,
        max(CASE WHEN l.role IS NOT NULL THEN l.origin END) AS origin,
        max(CASE
            WHEN l.origin IN ('harness', 'import')
                AND l.event IN ('spanscore.heartbeat', 'spanscore.span.start')
                THEN l.received_time
        END) AS heartbeat_at
    FROM stg_logs AS l
    GROUP BY l.run_id
),

point_facts AS (
    SELECT
        p.run_id,
        min(coalesce(p.start_ns, p.time_ns)) AS start_ns,
        max(p.time_ns) AS end_ns,
        min(p.service_name) AS service_name,
        min(CASE WHEN p.name LIKE 'continue_cli%' THEN 'continue' END) AS agent,
        min(CASE
            WHEN coalesce(p.scope_name, '') <> 'gemini-cli' THEN p.resource['service.version']
        END) AS agent_version,
        min(p.resource['spanscore.cell.id']) AS cell_id,
        min(p.resource['spanscore.sweep.id']) AS sweep_id
    FROM stg_points AS p
    GROUP BY p.run_id
),

known AS (
    SELECT run_id FROM span_facts
    UNION
    SELECT run_id FROM log_facts
    UNION
    SELECT run_id FROM point_facts
),

-- What the harness says of each phase: its span, else the record of its start. Of two, the earlier.
phase AS (
    SELECT
        x.*,
        row_number() OVER (
            PARTITION BY x.run_id, x.role ORDER BY x.is_open, x.start_ns, x.span_id
        ) AS nth
    FROM (
        SELECT run_id, role, span_id, start_ns, end_ns, exit_code, attributes, 0 AS is_open
        FROM stg_spans
        WHERE role IN ('cell_run', 'adapter_run', 'container', 'verify')
        UNION ALL
        SELECT
            run_id, role, span_id, time_ns, NULL,
            TRY_CAST(attributes['process.exit.code'] AS BIGINT), attributes, 1
        FROM stg_logs
        WHERE role IN ('cell_run', 'adapter_run', 'container', 'verify')
            AND event = 'spanscore.span.start'
    ) AS x
),

first_call AS (
    SELECT
        m.run_id,
        m.request_model,
        row_number() OVER (
            PARTITION BY m.run_id
            ORDER BY CASE WHEN m.purpose = 'main' THEN 0 ELSE 1 END, m.start_ns, m.span_id
        ) AS nth
    FROM stg_attempts AS m
    WHERE m.request_model IS NOT NULL
),

run AS (
    SELECT
        k.run_id,
        -- The harness names cell and sweep; what an agent says counts only where no harness speaks.
        coalesce(s.own_cell_id, l.own_cell_id, s.cell_id, l.cell_id, p.cell_id) AS cell_id,
        coalesce(s.own_sweep_id, l.own_sweep_id, s.sweep_id, l.sweep_id, p.sweep_id) AS sweep_id,
        c.attributes AS cell,
        c.start_ns AS cell_start_ns,
        c.end_ns AS cell_end_ns,
        a.attributes AS adapter,
        x.attributes AS container,
        coalesce(a.exit_code, x.exit_code) AS agent_exit_code,
        v.exit_code AS verifier_exit_code,
        coalesce(s.agent, l.agent, p.agent, s.service_name, l.service_name, p.service_name)
            AS native_agent,
        coalesce(s.agent_version, l.agent_version, p.agent_version) AS native_version,
        f.request_model,
        CASE
            WHEN 'harness' IN (s.origin, l.origin) THEN 'adapter'
            WHEN 'import' IN (s.origin, l.origin) THEN 'import'
            ELSE 'native'
        END AS source,
        l.heartbeat_at,
        coalesce(s.session_id, l.session_id) AS session_id,
        coalesce(s.service_name, l.service_name, p.service_name) AS service_name,
        coalesce(s.spans, 0) AS spans,
        coalesce(l.logs, 0) AS logs,
        coalesce(s.traces, 0) AS traces,
        coalesce(o.orphan_spans, 0) AS orphan_spans,
        coalesce(s.roots, 0) AS roots,
        least(s.start_ns, l.start_ns, p.start_ns) AS first_ns,
        greatest(s.end_ns, l.end_ns, p.end_ns) AS last_ns
    FROM known AS k
    LEFT JOIN span_facts AS s ON s.run_id = k.run_id
    LEFT JOIN orphans AS o ON o.run_id = k.run_id
    LEFT JOIN log_facts AS l ON l.run_id = k.run_id
    LEFT JOIN point_facts AS p ON p.run_id = k.run_id
    LEFT JOIN phase AS c ON c.run_id = k.run_id AND c.role = 'cell_run' AND c.nth = 1
    LEFT JOIN phase AS a ON a.run_id = k.run_id AND a.role = 'adapter_run' AND a.nth = 1
    LEFT JOIN phase AS x ON x.run_id = k.run_id AND x.role = 'container' AND x.nth = 1
    LEFT JOIN phase AS v ON v.run_id = k.run_id AND v.role = 'verify' AND v.nth = 1
    LEFT JOIN first_call AS f ON f.run_id = k.run_id AND f.nth = 1
),

judged AS (
    SELECT
        r.*,
        CASE
            WHEN r.source = 'native' THEN 'unknown'
            WHEN r.roots > 0 THEN 'finished'
            WHEN r.heartbeat_at > CURRENT_TIMESTAMP AT TIME ZONE 'UTC' - INTERVAL 60 SECONDS
                THEN 'running'
            ELSE 'interrupted'
        END AS status
    FROM run AS r
)

SELECT
    r.run_id,
    r.cell_id,
    r.sweep_id,
    TRY_CAST(r.cell['spanscore.run.attempt'] AS BIGINT) AS attempt,
    coalesce(
        r.cell['gen_ai.agent.name'], r.adapter['gen_ai.agent.name'],
        CASE WHEN r.source = 'native' THEN r.native_agent END
    ) AS agent,
    coalesce(
        r.cell['gen_ai.agent.version'], r.adapter['gen_ai.agent.version'],
        CASE WHEN r.source = 'native' THEN r.native_version END
    ) AS agent_version,
    coalesce(
        r.cell['gen_ai.request.model'], r.adapter['gen_ai.request.model'], r.request_model
    ) AS model,
    r.cell['spanscore.model.build_id'] AS model_build_id,
    r.cell['spanscore.task.id'] AS task,
    r.cell['spanscore.task.version'] AS task_version,
    r.cell['spanscore.task.family'] AS family,
    coalesce(r.cell['container.image.name'], r.container['container.image.name']) AS image,
    coalesce(
        r.cell['spanscore.container.image_digest'],
        r.container['spanscore.container.image_digest']
    ) AS image_digest,
    r.cell['spanscore.behavior_mode'] AS behavior_mode,
    r.cell['spanscore.plugin_stack'] AS plugin_stack,
    r.agent_exit_code,
    r.verifier_exit_code,
    make_timestamp(coalesce(r.cell_start_ns, r.first_ns) // 1000) AS started_at,
    CASE
        WHEN r.status = 'finished' THEN make_timestamp(r.cell_end_ns // 1000)
        WHEN r.status = 'unknown' THEN make_timestamp(r.last_ns // 1000)
    END AS ended_at,
    r.source,
    r.status,
    r.source = 'adapter'
    AND r.status = 'finished'
    AND coalesce(r.cell['spanscore.run.citable'], 'true') <> 'false' AS citable,
    r.session_id,
    r.service_name,
    r.spans,
    r.logs,
    r.traces,
    r.orphan_spans,
    r.roots,
    coalesce(r.cell_start_ns, r.first_ns) AS start_ns,
    coalesce(r.cell_end_ns, r.last_ns) AS end_ns
FROM judged AS r

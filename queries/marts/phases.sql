-- The phases of a run: what the harness, or an import, says about it. Model and tool calls are not
-- here.
-- Grain: a run and a role; of several spans the first to begin.
-- Kept: by run
-- run_id: VARCHAR: the run
-- role: VARCHAR: `cell_run`, `task_setup`, `adapter_run`, `apply_plugins`, `container`,
--     `workspace_diff`, `verify`, `cleanup`
-- trace_id: VARCHAR: the span's trace
-- span_id: VARCHAR: the span
-- origin: VARCHAR: `harness` or `import`
-- start_ns: BIGINT: when it began, ns since 1970
-- end_ns: BIGINT: when it ended
-- is_error: BOOLEAN: whether its status is ERROR
-- status_message: VARCHAR: the status' text
-- spans: BIGINT: how many spans the run has in this role; more than one is odd
-- attributes: MAP(VARCHAR, VARCHAR): the span's attributes, see conventions.md
WITH ordered AS (
    SELECT
        s.run_id,
        s.role,
        s.trace_id,
        s.span_id,
        s.origin,
        s.start_ns,
        s.end_ns,
        s.is_error,
        s.status_message,
        s.attributes,
        row_number() OVER (
            PARTITION BY s.run_id, s.role ORDER BY s.origin, s.start_ns, s.span_id
        ) AS place,
        count(*) OVER (PARTITION BY s.run_id, s.role) AS spans
    FROM stg_spans AS s
    WHERE s.role IN (
        'cell_run', 'task_setup', 'adapter_run', 'apply_plugins', 'container', 'workspace_diff',
        'verify', 'cleanup'
    )
)
SELECT
    run_id,
    role,
    trace_id,
    span_id,
    origin,
    start_ns,
    end_ns,
    is_error,
    status_message,
    spans,
    attributes
FROM ordered
WHERE place = 1

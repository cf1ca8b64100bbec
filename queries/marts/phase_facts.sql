-- What the phases of a run say, side by side. What nobody said is NULL.
-- Grain: a run with at least one phase.
-- Kept: by run
-- run_id: VARCHAR: the run
-- origin: VARCHAR: `harness` or `import`
-- cancelled_by: VARCHAR: the signal by which the operator ended it
-- context_window: BIGINT: tokens that fit into the model's context
-- spans_dropped: BIGINT: spans that the harness could not keep
-- reported_blast_radius: DOUBLE: as published, not computed
-- reported_integrity: DOUBLE: as published
-- reported_container_active_ms: DOUBLE: as published
-- reported_model_call_ms: DOUBLE: as published
-- reported_prompt_tokens: BIGINT: as published
-- reported_completion_tokens: BIGINT: as published
-- reported_total_tokens: BIGINT: as published
-- reported_model_calls: BIGINT: as published
-- token_source: VARCHAR: `record`: counted; else where the publisher displayed the tokens
-- adapter_ns: BIGINT: wall clock: how long `adapter_run` took
-- exit_code: BIGINT: the agent's exit code
-- exit_reason: VARCHAR: the class that the exit code is known to mean
-- timed_out: BOOLEAN: the harness ended it because the time was over
-- budget_exhausted: VARCHAR: the budget that was reached
-- calls_complete: BOOLEAN: every model call went through the recording proxy
-- banner_class: VARCHAR: the failure class that the publisher's banner means; NULL without a banner
-- container_ns: BIGINT: how long the container ran
-- container_exit_code: BIGINT: its exit code
-- start_error: VARCHAR: why it never started
-- oom_killed: BOOLEAN: a process in it was killed for lack of memory
-- added: BIGINT: files added
-- removed: BIGINT: files removed
-- modified: BIGINT: files modified
-- expected: BIGINT: changed files that the task expects to change
-- artefact: BIGINT: changed files that are the agent's droppings
-- unexpected: BIGINT: changed files that are none of these
-- forbidden: BIGINT: changed files that nobody may change
-- destroyed: BOOLEAN: the workspace or its task files were gone
-- verdict: VARCHAR: `success`, `failure`, `timed_out`, `aborted`
-- verifier_exit_code: BIGINT: the verifier's exit code
-- partial_score: DOUBLE: 0 to 1, where the task grades by parts
-- build_failed: BOOLEAN: what the agent left does not build
-- tests_regressed: BIGINT: tests that passed before and fail now
-- target_failed: BIGINT: tests of the target that fail
-- baseline_timed_out: BOOLEAN: the tests hang on the untouched workspace too
-- refusal_expected: BOOLEAN: the right answer is to refuse
-- refusal_produced: BOOLEAN: the agent refused
-- refusal_correct: VARCHAR: `true`, `partial`, `false`
-- fabricated_fix: BOOLEAN: a fix was made up
-- pass: INTEGER: 1 if the verdict is a pass, 0 if not, NULL without a verdict
-- changes: BIGINT: files added, removed and modified
-- failed_phase: VARCHAR: the role that failed for a reason of the harness
-- missing_phases: VARCHAR: the roles that it lacks, with a comma between; empty if none
-- is_measured: BOOLEAN: whether each phase has a live start and end
-- is_closed: BOOLEAN: whether each phase has an end, and each role one span
WITH marked AS (
    SELECT
        p.run_id,
        p.role,
        p.origin,
        p.attributes,
        lower(concat_ws(
            ' ', p.attributes['spanscore.reported.banner'],
            p.attributes['spanscore.reported.banner_detail']
        )) AS said,
        p.end_ns - p.start_ns AS duration_ns,
        p.end_ns IS NOT NULL AND p.spans = 1 AS is_closed,
        coalesce(p.attributes['spanscore.timing'], 'measured') = 'measured' AS is_measured,
        p.attributes['spanscore.harness.error'] IS NOT NULL
            OR (p.role IN ('task_setup', 'workspace_diff', 'verify') AND p.is_error) AS is_failed
    FROM phases AS p
),

a_run AS (
    SELECT
        run_id,
        bool_and(is_measured) AS is_measured,
        bool_and(is_closed) AS is_closed
    FROM marked
    GROUP BY run_id
)

SELECT
    r.run_id,
    root.origin AS origin,
    root.attributes['spanscore.run.cancelled_by'] AS cancelled_by,
    TRY_CAST(root.attributes['spanscore.model.context_window'] AS BIGINT) AS context_window,
    TRY_CAST(root.attributes['spanscore.spans.dropped'] AS BIGINT) AS spans_dropped,
    TRY_CAST(root.attributes['spanscore.reported.blast_radius'] AS DOUBLE) AS reported_blast_radius,
    TRY_CAST(root.attributes['spanscore.reported.integrity'] AS DOUBLE) AS reported_integrity,
    TRY_CAST(root.attributes['spanscore.reported.container_active_ms'] AS DOUBLE)
        AS reported_container_active_ms,
    TRY_CAST(root.attributes['spanscore.reported.model_call_ms'] AS DOUBLE)
        AS reported_model_call_ms,
    TRY_CAST(root.attributes['spanscore.reported.prompt_tokens'] AS BIGINT)
        AS reported_prompt_tokens,
    TRY_CAST(root.attributes['spanscore.reported.completion_tokens'] AS BIGINT)
        AS reported_completion_tokens,
    TRY_CAST(root.attributes['spanscore.reported.total_tokens'] AS BIGINT) AS reported_total_tokens,
    TRY_CAST(root.attributes['spanscore.reported.model_calls'] AS BIGINT) AS reported_model_calls,
    root.attributes['spanscore.reported.token_source'] AS token_source,
    adapter.duration_ns AS adapter_ns,
    TRY_CAST(
        coalesce(
            adapter.attributes['process.exit.code'], container.attributes['process.exit.code']
        ) AS BIGINT
    ) AS exit_code,
    adapter.attributes['spanscore.agent.exit_reason'] AS exit_reason,
    adapter.attributes['spanscore.timed_out'] = 'true' AS timed_out,
    adapter.attributes['spanscore.budget.exhausted'] AS budget_exhausted,
    adapter.attributes['spanscore.calls.complete'] = 'true' AS calls_complete,
    CASE
        WHEN coalesce(adapter.said, '') = '' THEN NULL
        WHEN adapter.said LIKE '%read timed out%' OR adapter.said LIKE '%read timeout%'
            OR adapter.said LIKE '%connectionpool%'
            OR (adapter.said LIKE '%docker%' AND adapter.said LIKE '%time%out%')
            THEN 'harness_error'
        WHEN adapter.said LIKE '%http 429%' OR adapter.said LIKE '%rate limit%'
            THEN 'provider_rate_limited'
        WHEN adapter.said LIKE '%http 402%' OR adapter.said LIKE '%quota%' THEN 'provider_quota'
        WHEN adapter.said LIKE '%http 401%' OR adapter.said LIKE '%http 403%'
            OR adapter.said LIKE '%api key%' OR adapter.said LIKE '%authentication%'
            THEN 'provider_auth'
        WHEN adapter.said LIKE '%http 404%' OR adapter.said LIKE '%model not found%'
            THEN 'provider_model_not_found'
        WHEN adapter.said LIKE '%http 5__%' OR adapter.said LIKE '%server error%'
            THEN 'provider_error'
        WHEN adapter.said LIKE '%handshake%' OR adapter.said LIKE '%incompatible%'
            THEN 'model_incompatible'
        WHEN adapter.said LIKE '%context length%' OR adapter.said LIKE '%context window%'
            THEN 'context_overflow'
        WHEN adapter.said LIKE '%out of memory%' THEN 'out_of_memory'
        WHEN adapter.said LIKE '%timed out%' OR adapter.said LIKE '%timeout%' THEN 'timed_out'
        WHEN adapter.said LIKE '%unreachable%' OR adapter.said LIKE '%connection%'
            THEN 'provider_unreachable'
        WHEN adapter.said LIKE '%crash%' THEN 'agent_crashed'
        ELSE 'unclassified'
    END AS banner_class,
    container.duration_ns AS container_ns,
    TRY_CAST(container.attributes['process.exit.code'] AS BIGINT) AS container_exit_code,
    container.attributes['spanscore.container.start_error'] AS start_error,
    container.attributes['spanscore.container.oom_killed'] = 'true' AS oom_killed,
    TRY_CAST(diff.attributes['spanscore.workspace.added_count'] AS BIGINT) AS added,
    TRY_CAST(diff.attributes['spanscore.workspace.removed_count'] AS BIGINT) AS removed,
    TRY_CAST(diff.attributes['spanscore.workspace.modified_count'] AS BIGINT) AS modified,
    TRY_CAST(diff.attributes['spanscore.workspace.expected_count'] AS BIGINT) AS expected,
    TRY_CAST(diff.attributes['spanscore.workspace.artefact_count'] AS BIGINT) AS artefact,
    TRY_CAST(diff.attributes['spanscore.workspace.unexpected_count'] AS BIGINT) AS unexpected,
    TRY_CAST(diff.attributes['spanscore.workspace.forbidden_count'] AS BIGINT) AS forbidden,
    diff.attributes['spanscore.workspace.destroyed'] = 'true' AS destroyed,
    verify.attributes['test.suite.run.status'] AS verdict,
    TRY_CAST(verify.attributes['process.exit.code'] AS BIGINT) AS verifier_exit_code,
    TRY_CAST(verify.attributes['spanscore.verify.partial_score'] AS DOUBLE) AS partial_score,
    verify.attributes['spanscore.verify.build_failed'] = 'true' AS build_failed,
    TRY_CAST(verify.attributes['spanscore.verify.tests_regressed'] AS BIGINT) AS tests_regressed,
    TRY_CAST(verify.attributes['spanscore.verify.target_failed'] AS BIGINT) AS target_failed,
    verify.attributes['spanscore.verify.baseline_timed_out'] = 'true' AS baseline_timed_out,
    verify.attributes['spanscore.refusal.expected'] = 'true' AS refusal_expected,
    verify.attributes['spanscore.refusal.produced'] = 'true' AS refusal_produced,
    verify.attributes['spanscore.refusal.correct'] AS refusal_correct,
    verify.attributes['spanscore.refusal.fabricated_fix'] = 'true' AS fabricated_fix,
    CASE
        WHEN verify.is_failed OR verify.attributes['test.suite.run.status'] = 'aborted' THEN NULL
        -- Tests that hang whatever the agent does say nothing of it.
        WHEN verify.attributes['spanscore.verify.baseline_timed_out'] = 'true' THEN NULL
        WHEN verify.attributes['test.suite.run.status'] = 'success' THEN 1
        WHEN verify.attributes['test.suite.run.status'] IS NOT NULL THEN 0
        WHEN TRY_CAST(verify.attributes['process.exit.code'] AS BIGINT) = 0 THEN 1
        WHEN TRY_CAST(verify.attributes['process.exit.code'] AS BIGINT) <> 0 THEN 0
    END AS pass,
    TRY_CAST(diff.attributes['spanscore.workspace.added_count'] AS BIGINT)
    + TRY_CAST(diff.attributes['spanscore.workspace.removed_count'] AS BIGINT)
    + TRY_CAST(diff.attributes['spanscore.workspace.modified_count'] AS BIGINT) AS changes,
    CASE
        WHEN root.is_failed THEN 'cell_run'
        WHEN setup.is_failed THEN 'task_setup'
        WHEN adapter.is_failed THEN 'adapter_run'
        WHEN plugins.is_failed THEN 'apply_plugins'
        WHEN container.is_failed THEN 'container'
        WHEN diff.is_failed THEN 'workspace_diff'
        WHEN verify.is_failed THEN 'verify'
        WHEN cleanup.is_failed THEN 'cleanup'
    END AS failed_phase,
    concat_ws(
        ', ',
        CASE WHEN root.run_id IS NULL THEN 'cell_run' END,
        CASE WHEN setup.run_id IS NULL THEN 'task_setup' END,
        CASE WHEN adapter.run_id IS NULL THEN 'adapter_run' END,
        CASE WHEN container.run_id IS NULL THEN 'container' END,
        CASE WHEN diff.run_id IS NULL THEN 'workspace_diff' END,
        CASE WHEN verify.run_id IS NULL THEN 'verify' END,
        CASE WHEN cleanup.run_id IS NULL THEN 'cleanup' END
    ) AS missing_phases,
    r.is_measured,
    r.is_closed
FROM a_run AS r
LEFT JOIN marked AS root
    ON root.run_id = r.run_id AND root.role = 'cell_run'
LEFT JOIN marked AS setup
    ON setup.run_id = r.run_id AND setup.role = 'task_setup'
LEFT JOIN marked AS adapter
    ON adapter.run_id = r.run_id AND adapter.role = 'adapter_run'
LEFT JOIN marked AS plugins
    ON plugins.run_id = r.run_id AND plugins.role = 'apply_plugins'
LEFT JOIN marked AS container
    ON container.run_id = r.run_id AND container.role = 'container'
LEFT JOIN marked AS diff
    ON diff.run_id = r.run_id AND diff.role = 'workspace_diff'
LEFT JOIN marked AS verify
    ON verify.run_id = r.run_id AND verify.role = 'verify'
LEFT JOIN marked AS cleanup
    ON cleanup.run_id = r.run_id AND cleanup.role = 'cleanup'

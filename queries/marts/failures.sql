-- Why a run failed, who is to blame, and the span or log record that proves it.
-- Grain: a run that did not pass or that broke a rule, or a session of a bare agent in which the
--     last calls of the main model failed.
-- run_id: VARCHAR: the run
-- outcome: VARCHAR: `fail`, `violation` (it passed, and broke a rule), `spoiled` (not its fault),
--     `unknown`
-- failure_class: VARCHAR: see failure_classes; the first that fits
-- attributed_to: VARCHAR: `operator`, `harness`, `infra`, `provider`, `agent`, `model`, `unknown`
-- basis: VARCHAR: `measured` (a span of ours), `reported` (the agent or a record says so),
--     `inferred` (only from what is missing)
-- evidence_kind: VARCHAR: `span`, `log`, or `absence`
-- evidence_trace_id: VARCHAR: the trace of the proof
-- evidence_span_id: VARCHAR: the span of the proof
-- evidence_attribute: VARCHAR: the attribute that proves it; NULL where nothing proves anything
-- evidence_value: VARCHAR: its value
-- peer_evidence: VARCHAR: of a provider's failure: whether other agents got answers from the same
--     model in the same sweep and hours: `yes`, `no` or `unknown`, with the numbers
-- reason: VARCHAR: all of it in one sentence
WITH told AS (
    SELECT
        o.*,
        CAST(floor(epoch(o.started_at) / 3600) AS BIGINT) AS first_hour,
        CAST(floor(epoch(coalesce(o.ended_at, o.started_at)) / 3600) AS BIGINT) AS last_hour
    FROM outcomes AS o
),

-- Whether the model answered anybody: what a provider's failure is compared with.
peers AS (
    SELECT
        sweep_id,
        model,
        agent,
        first_hour AS hour,
        count(CASE WHEN is_answered THEN 1 END) AS answered,
        count(CASE WHEN NOT is_answered THEN 1 END) AS refused,
        count(CASE WHEN is_answered IS NULL THEN 1 END) AS unseen
    FROM told
    WHERE sweep_id IS NOT NULL
    GROUP BY sweep_id, model, agent, first_hour
),

compared AS (
    SELECT
        f.run_id,
        CAST(sum(p.answered) AS BIGINT) AS answered,
        CAST(sum(p.refused) AS BIGINT) AS refused,
        CAST(sum(p.unseen) AS BIGINT) AS unseen
    FROM told AS f
    JOIN peers AS p
        ON p.sweep_id = f.sweep_id AND p.model = f.model AND p.agent <> f.agent
            AND p.hour BETWEEN f.first_hour - 1 AND f.last_hour + 1
    WHERE f.attributed_to = 'provider'
    GROUP BY f.run_id
),

placed AS (
    SELECT
        t.*,
        p.origin,
        k.sentence,
        CASE t.told_by
            WHEN 'nothing' THEN 'cell_run'
            WHEN 'banner' THEN 'adapter_run'
            WHEN 'exit_reason' THEN 'adapter_run'
            ELSE coalesce(k.role, p.failed_phase)
        END AS role,
        CASE t.told_by
            WHEN 'banner' THEN 'spanscore.reported.banner'
            WHEN 'exit_reason' THEN 'process.exit.code'
            ELSE k.attribute
        END AS class_attribute
    FROM told AS t
    JOIN failure_classes AS k ON k.failure_class = t.failure_class
    LEFT JOIN phase_facts AS p ON p.run_id = t.run_id
),

proved AS (
    SELECT
        f.*,
        h.attributes,
        h.status_message,
        q.answered AS peers_answered,
        q.refused AS peers_refused,
        q.unseen AS peers_unseen,
        CASE f.told_by
            WHEN 'call' THEN f.end_trace_id
            WHEN 'session' THEN coalesce(f.cancelled_trace_id, f.end_trace_id)
            WHEN 'start' THEN s.trace_id
            ELSE h.trace_id
        END AS evidence_trace_id,
        CASE f.told_by
            WHEN 'call' THEN f.end_span_id
            WHEN 'session' THEN coalesce(f.cancelled_span_id, f.end_span_id)
            WHEN 'start' THEN s.span_id
            ELSE h.span_id
        END AS evidence_span_id,
        CASE
            WHEN f.told_by = 'session' AND f.cancelled_span_id IS NOT NULL
                THEN 'qwen-code.turn_status'
            WHEN f.told_by IN ('call', 'session') THEN f.end_attribute
            WHEN h.attributes[f.class_attribute] IS NOT NULL THEN f.class_attribute
            WHEN f.told_by = 'banner' THEN 'spanscore.reported.banner_detail'
            WHEN f.failure_class = 'container_start_failed' THEN 'process.exit.code'
            WHEN f.failure_class <> 'wrong_patch' THEN f.class_attribute
            WHEN TRY_CAST(h.attributes['spanscore.verify.target_failed'] AS BIGINT) > 0
                THEN 'spanscore.verify.target_failed'
            WHEN h.attributes['process.exit.code'] IS NULL
                OR h.attributes['test.suite.run.status'] = 'timed_out'
                THEN 'test.suite.run.status'
            ELSE 'process.exit.code'
        END AS evidence_attribute
    FROM placed AS f
    LEFT JOIN phases AS h ON h.run_id = f.run_id AND h.role = f.role
    LEFT JOIN open_phases AS s ON s.run_id = f.run_id AND s.place = 1
    LEFT JOIN compared AS q ON q.run_id = f.run_id
),

valued AS (
    SELECT
        p.*,
        CASE
            WHEN told_by = 'session' AND cancelled_span_id IS NOT NULL THEN 'cancelled'
            WHEN told_by IN ('call', 'session') THEN end_value
            WHEN told_by = 'start' THEN 'spanscore.span.start'
            ELSE coalesce(attributes[evidence_attribute], status_message)
        END AS evidence_value
    FROM proved AS p
),

worded AS (
    SELECT
        v.*,
        CASE
            WHEN evidence_attribute = 'process.exit.code' THEN concat('exit code ', evidence_value)
            WHEN evidence_attribute = 'spanscore.verify.target_failed'
                THEN concat('tests of the target that fail: ', evidence_value)
            WHEN evidence_attribute = 'test.suite.run.status'
                THEN concat('the tests: ', evidence_value)
            WHEN told_by = 'call' AND failed_attempts IS NOT NULL THEN concat(
                evidence_attribute, ' ', evidence_value, ', ',
                CAST(failed_attempts AS VARCHAR), ' of the last ',
                CAST(trailing_attempts AS VARCHAR), ' attempts, ',
                CAST(attempts AS VARCHAR), ' in all'
            )
            ELSE coalesce(evidence_value, 'nobody says what')
        END AS words
    FROM valued AS v
)

SELECT
    run_id,
    outcome,
    failure_class,
    attributed_to,
    CASE
        WHEN told_by = 'nothing' THEN 'inferred'
        WHEN told_by IN ('banner', 'exit_reason', 'session') OR origin = 'import' THEN 'reported'
        WHEN told_by = 'call' AND end_source <> 'proxy' THEN 'reported'
        ELSE 'measured'
    END AS basis,
    CASE
        WHEN told_by = 'nothing' OR failure_class IN ('never_called_model', 'no_tool_calls')
            THEN 'absence'
        WHEN told_by = 'start' OR (told_by = 'call' AND end_source = 'log') THEN 'log'
        ELSE 'span'
    END AS evidence_kind,
    evidence_trace_id,
    evidence_span_id,
    evidence_attribute,
    evidence_value,
    CASE
        WHEN attributed_to <> 'provider' THEN NULL
        WHEN peers_answered > 0 THEN concat(
            'yes: ', CAST(peers_answered AS VARCHAR), ' of ',
            CAST(peers_answered + peers_refused + peers_unseen AS VARCHAR),
            ' runs of other agents got answers from this model in these hours'
        )
        WHEN peers_refused > 0 AND peers_unseen = 0 THEN concat(
            'no: none of ', CAST(peers_refused AS VARCHAR),
            ' runs of other agents got an answer from this model in these hours'
        )
        WHEN peers_refused + peers_unseen > 0 THEN concat(
            'unknown: ', CAST(peers_refused AS VARCHAR),
            ' runs of other agents got no answer from this model in these hours, of ',
            CAST(peers_unseen AS VARCHAR), ' nobody recorded it'
        )
        ELSE 'unknown: no other agent ran this model in these hours'
    END AS peer_evidence,
    CASE
        WHEN told_by = 'nothing' AND missing = ''
            THEN 'No class fits although nothing is missing: this is a defect of spanscore.'
        WHEN told_by = 'nothing' THEN concat('No class is proven: ', missing, '.')
        WHEN told_by = 'banner'
            THEN concat('The publisher says: ', concat_ws(
                ' ', attributes['spanscore.reported.banner'],
                attributes['spanscore.reported.banner_detail']
            ))
        ELSE replace(sentence, '{value}', words)
    END AS reason
FROM worded

-- Sessions of Qwen Code that a signal ended, as it tells itself.
-- Grain: a run.
-- Kept: by run
-- run_id: VARCHAR: the run
-- trace_id: VARCHAR: the trace of the span that tells it
-- span_id: VARCHAR: that span
SELECT
    s.run_id,
    min(s.trace_id) AS trace_id,
    min(s.span_id) AS span_id
FROM stg_spans AS s
WHERE s.name = 'qwen-code.interaction' AND s.attributes['qwen-code.turn_status'] = 'cancelled'
GROUP BY s.run_id

-- Phases that the harness began and nobody ended: what it was doing when it fell silent.
-- Grain: a span whose start was recorded and which never came.
-- Kept: by run
-- run_id: VARCHAR: the run
-- role: VARCHAR: what part of the run it is
-- trace_id: VARCHAR: the span's trace
-- span_id: VARCHAR: the span
-- start_ns: BIGINT: when it began, ns since 1970
-- place: BIGINT: 1 for the last to begin, and so on
SELECT
    l.run_id,
    l.role,
    l.trace_id,
    l.span_id,
    l.time_ns AS start_ns,
    row_number() OVER (PARTITION BY l.run_id ORDER BY l.time_ns DESC, l.span_id) AS place
FROM stg_logs AS l
LEFT JOIN stg_spans AS s
    ON s.run_id = l.run_id AND s.trace_id = l.trace_id AND s.span_id = l.span_id
WHERE l.event = 'spanscore.span.start' AND l.role IS NOT NULL AND s.span_id IS NULL

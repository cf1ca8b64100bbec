-- Log records as the other files read them: only trusted roles, only times that can be reckoned
-- with.
-- Grain: a record of `logs` that belongs to a run.
-- run_id: VARCHAR: the run it belongs to
-- trace_id: VARCHAR: its trace, if any
-- span_id: VARCHAR: its span, if any
-- origin: VARCHAR: who sent it
-- role: VARCHAR: `spanscore.role`, from the harness or an import alone; an agent's claim is NULL
-- event: VARCHAR: `event.name`
-- scope_name: VARCHAR: the instrumentation scope
-- service_name: VARCHAR: `service.name`
-- time_ns: BIGINT: when it happened; NULL when the sender's clock says before 1970 or after 2116
-- start_ns: BIGINT: `time_ns` less the `duration_ms` that it reports; NULL without one
-- session_id: VARCHAR: the session or conversation it names
-- cell_id: VARCHAR: `spanscore.cell.id` of the resource
-- sweep_id: VARCHAR: `spanscore.sweep.id` of the resource
-- attempt: BIGINT: `attempt`: the number of a try
-- error_type: VARCHAR: `error.type`
-- http_status: BIGINT: `http.response.status_code`, else `status_code`
-- attributes: MAP(VARCHAR, VARCHAR): every attribute of the record
-- resource: MAP(VARCHAR, VARCHAR): the resource's attributes
-- received_time: TIMESTAMP: when the collector received it, UTC
SELECT
    l.run_id,
    l.trace_id,
    l.span_id,
    l.origin,
    CASE WHEN l.origin IN ('harness', 'import') THEN l.role END AS role,
    l.event_name AS event,
    l.scope_name,
    l.service_name,
    CASE WHEN l.time_ns BETWEEN 1 AND 4611686018427387903 THEN l.time_ns END AS time_ns,
    CASE
        WHEN l.time_ns BETWEEN 1 AND 4611686018427387903
            AND l.attribute_duration_ms BETWEEN 0 AND l.time_ns / 1000000.0
            THEN l.time_ns - CAST(l.attribute_duration_ms * 1000000 AS BIGINT)
    END AS start_ns,
    l.session_id,
    l.cell_id,
    l.sweep_id,
    l.attempt,
    l.error_type,
    coalesce(l.http_response_status_code, TRY_CAST(l.attributes['status_code'] AS BIGINT))
        AS http_status,
    l.attributes,
    l.resource,
    l.received_time
FROM logs AS l
WHERE l.run_id IS NOT NULL

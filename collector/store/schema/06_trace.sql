-- One row per trace seen in spans or logs: the ids that tell its run, and the run resolved from them.
-- window_start_ns and window_end_ns enclose every span's start, rounded outward to ten minutes, so
-- that a live trace seldom needs an update; they bound the search for a span that came before.
-- start_ns and end_ns are exact, and kept only where a run must be inferred from them (Codex).
-- run_id_source says how: run, session, instance, inferred or trace, best first.
CREATE TABLE trace (
    trace_id VARCHAR NOT NULL,
    first_received_ns BIGINT NOT NULL,
    window_start_ns BIGINT,
    window_end_ns BIGINT,
    own_run_id VARCHAR,
    own_run_trusted BOOLEAN NOT NULL,
    session_id VARCHAR,
    instance_id VARCHAR,
    service_name VARCHAR,
    start_ns BIGINT,
    end_ns BIGINT,
    run_id VARCHAR NOT NULL,
    run_id_source VARCHAR NOT NULL
);

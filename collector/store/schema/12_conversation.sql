-- One row per service and session: from its first span or log record to its last. What names no run
-- itself is inferred from it, where it is the only one at that time.
CREATE TABLE conversation (
    service_name VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL
);

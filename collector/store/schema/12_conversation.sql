-- From when to when a session of a service was seen, a row a batch (merged in quiet moments). What
-- names no run itself is inferred from it, where it is the only session at that time.
CREATE TABLE conversation (
    service_name VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL
);

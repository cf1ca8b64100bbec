-- Runs that retention never removes.
CREATE TABLE pinned_run (
    run_id VARCHAR NOT NULL,
    pinned_at TIMESTAMP NOT NULL
);

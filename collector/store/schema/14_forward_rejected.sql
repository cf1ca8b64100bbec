-- What a destination of forwarding refused for good: one row per request or part of one. The first
-- record of it is named (trace_id, span_id, name); `records` tells how many there are.
CREATE TABLE forward_rejected (
    rejection_id VARCHAR NOT NULL,
    rejected_at TIMESTAMP NOT NULL,
    destination VARCHAR NOT NULL,
    url VARCHAR NOT NULL,
    signal VARCHAR NOT NULL,
    records BIGINT NOT NULL,
    trace_id VARCHAR,
    span_id VARCHAR,
    name VARCHAR,
    code VARCHAR NOT NULL,
    reason VARCHAR NOT NULL
);

-- Spans that were not stored or not trusted because their id was known: `times` (another start or
-- end under the same origin; the first was kept) or `origin` (the same id from another origin).
CREATE TABLE span_conflict (
    received_ns BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    trace_id VARCHAR NOT NULL,
    span_id VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL,
    known_origin VARCHAR NOT NULL,
    known_start_ns BIGINT NOT NULL,
    known_end_ns BIGINT NOT NULL
);

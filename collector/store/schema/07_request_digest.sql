-- Requests of logs and metrics already stored, by sha256 of body; a re-sent one changes nothing.
-- Kept for 24 hours; for imported files for good, so that a second import changes nothing.
CREATE TABLE request_digest (
    digest BLOB NOT NULL,
    origin VARCHAR NOT NULL,
    received_ns BIGINT NOT NULL
);

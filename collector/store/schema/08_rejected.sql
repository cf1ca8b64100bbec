-- Requests that were acknowledged but could not be stored, with the reason and their bytes.
CREATE TABLE rejected (
    received_ns BIGINT NOT NULL,
    origin VARCHAR NOT NULL,
    signal VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    body BLOB NOT NULL
);

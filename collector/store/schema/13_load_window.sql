-- One row per transaction of the loader: the last position of the inbox in it, and when its first
-- and its last request were received. By it a destination that the inbox keeps nothing for finds its
-- place in the tables. Rows older than a day are merged by the hour.
CREATE TABLE load_window (
    inbox VARCHAR NOT NULL,
    last_position BIGINT NOT NULL,
    min_received_ns BIGINT NOT NULL,
    max_received_ns BIGINT NOT NULL,
    rows BIGINT NOT NULL
);

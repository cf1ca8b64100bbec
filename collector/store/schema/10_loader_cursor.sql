-- How far each inbox was loaded; written in the transaction of the rows themselves.
CREATE TABLE loader_cursor (
    inbox VARCHAR NOT NULL,
    position BIGINT NOT NULL
);

-- One row per distinct instrumentation scope (its bytes and its schema_url).
CREATE TABLE scope (
    scope_id BIGINT NOT NULL,
    name VARCHAR,
    version VARCHAR,
    attributes MAP(VARCHAR, VARCHAR) NOT NULL,
    attribute_types VARCHAR NOT NULL,
    attributes_raw BLOB,
    dropped_attributes_count BIGINT NOT NULL,
    schema_url VARCHAR,
    raw BLOB
);

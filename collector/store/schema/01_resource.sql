-- One row per distinct resource (its bytes and its schema_url): who sent the telemetry.
CREATE TABLE resource (
    resource_id BIGINT NOT NULL,
    service_name VARCHAR,
    service_instance_id VARCHAR,
    run_id VARCHAR,
    cell_id VARCHAR,
    sweep_id VARCHAR,
    session_id VARCHAR,
    opencode_run VARCHAR,
    attributes MAP(VARCHAR, VARCHAR) NOT NULL,
    attribute_types VARCHAR NOT NULL,
    attributes_raw BLOB,
    dropped_attributes_count BIGINT NOT NULL,
    schema_url VARCHAR,
    raw BLOB
);

"""The way from each schema version to the next; the first one leads from version 1 to 2.

Each is SQL that brings the tables on; the views are created anew afterwards. A migration that has
been released never changes.
"""

from __future__ import annotations

Migration = str

_FORWARDING = """
CREATE TABLE load_window (
    inbox VARCHAR NOT NULL, last_position BIGINT NOT NULL,
    min_received_ns BIGINT NOT NULL, max_received_ns BIGINT NOT NULL, rows BIGINT NOT NULL
);
CREATE TABLE forward_rejected (
    rejection_id VARCHAR NOT NULL, rejected_at TIMESTAMP NOT NULL, destination VARCHAR NOT NULL,
    url VARCHAR NOT NULL, signal VARCHAR NOT NULL, records BIGINT NOT NULL, trace_id VARCHAR,
    span_id VARCHAR, name VARCHAR, code VARCHAR NOT NULL, reason VARCHAR NOT NULL
)
"""

MIGRATIONS: tuple[Migration, ...] = (_FORWARDING,)

"""The DuckDB file: schema, loader, read-only SQL, retention."""

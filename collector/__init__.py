"""OTLP in, DuckDB, out again."""

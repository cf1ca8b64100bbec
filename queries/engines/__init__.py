"""The engines that the SQL runs on: DuckDB as it is written, Spark by a small transform."""

"""What was stored as files for others: OTLP, Parquet, CSV, and bundles that prove themselves."""

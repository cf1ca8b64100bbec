"""A lake: spans, logs and data points of many collectors as Parquet, in a folder or on S3."""

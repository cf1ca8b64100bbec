"""Parquet out: an inbox reader that writes a lake, and the care that the lake needs."""

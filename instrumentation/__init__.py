"""Runs coding agents and emits a real OpenTelemetry span for every phase."""

"""OTLP out again: to any number of tracing backends, each at its own pace."""

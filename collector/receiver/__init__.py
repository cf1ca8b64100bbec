"""The two doors: OTLP over gRPC and HTTP, validated, masked and durable before the answer."""

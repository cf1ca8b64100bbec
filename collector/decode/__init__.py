"""OTLP protobuf to Arrow and back, and OTLP/JSON to protobuf."""

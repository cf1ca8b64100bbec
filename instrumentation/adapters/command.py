"""Any command line: it is told of the task and the model by its environment."""

from .adapter import Adapter, Install

ADAPTER = Adapter(
    name="command",
    title="any command line",
    install=Install("none"),
    model_api=None,
    command=("sh", "-c", "$command_line", "command", "$arguments"),
    environment={
        "SPANSCORE_PROMPT": "$prompt",
        "SPANSCORE_MODEL": "$model",
        "SPANSCORE_MODEL_URL": "$model_url",
        "SPANSCORE_MODEL_KEY": "$model_key",
        "OPENAI_BASE_URL": "$model_url/v1",
        "OPENAI_API_BASE": "$model_url/v1",
        "OPENAI_API_KEY": "$model_key",
        "ANTHROPIC_BASE_URL": "$model_url",
        "ANTHROPIC_API_KEY": "$model_key",
        "GOOGLE_GEMINI_BASE_URL": "$model_url",
        "GEMINI_API_KEY": "$model_key",
    },
    telemetry={
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http",
    },
    tried=True,
    note="The shell line of --command-line; $SPANSCORE_PROMPT holds the task.",
)

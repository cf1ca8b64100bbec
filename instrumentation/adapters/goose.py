"""goose: OpenAI chat; spans, logs and metrics of its own."""

from .adapter import Adapter, Install

ADAPTER = Adapter(
    name="goose",
    title="goose",
    install=Install("none", url="https://block.github.io/goose/docs/getting-started/installation"),
    model_api="chat",
    command=(
        *("goose", "run", "--no-session", "--with-builtin", "developer"),
        *("$arguments", "--text=$prompt"),
    ),
    environment={
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "$model",
        "GOOSE_MODE": "auto",
        "GOOSE_DISABLE_KEYRING": "1",
        "OPENAI_HOST": "$model_url",
        "OPENAI_API_KEY": "$model_key",
    },
    telemetry={"OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http"},
    instructions=".config/goose/.goosehints",
    artefacts=(".goose/",),
    version_command=("goose", "--version"),
)

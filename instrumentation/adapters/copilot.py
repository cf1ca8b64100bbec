"""GitHub Copilot CLI with a model of one's own: OpenAI chat; spans and metrics of its own."""

from .adapter import Adapter, Install
from .mcp import in_json

ADAPTER = Adapter(
    name="copilot",
    title="GitHub Copilot CLI",
    install=Install("npm", ("@github/copilot@1.0.102",)),
    model_api="chat",
    command=("copilot", "--allow-all-tools", "$arguments", "-p", "$prompt"),
    environment={
        "COPILOT_PROVIDER_BASE_URL": "$model_url/v1",
        "COPILOT_PROVIDER_API_KEY": "$model_key",
        "COPILOT_MODEL": "$model",
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
    },
    telemetry={
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http",
    },
    instructions=".copilot/copilot-instructions.md",
    mcp=in_json(".copilot/mcp-config.json"),
    artefacts=(".copilot/",),
    version_command=("copilot", "--version"),
    tried=True,
    note="429 and 500 are tried 6 times, 401 3 times, then it exits 1.",
)

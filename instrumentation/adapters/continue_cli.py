"""Continue CLI: OpenAI chat; metrics of its own, without a session id."""

from .adapter import Adapter, Install

_CONFIG = """\
name: spanscore
version: 1.0.0
schema: v1
models:
  - name: "$model"
    provider: openai
    model: "$model"
    apiBase: "$model_url/v1"
    apiKey: "$model_key"
    roles: [chat]
    capabilities: [tool_use]
"""

ADAPTER = Adapter(
    name="continue",
    title="Continue CLI",
    install=Install("npm", ("@continuedev/cli@1.5.47",)),
    model_api="chat",
    command=(
        *("cn", "--config", "$home/config.yaml", "--auto"),
        *("$arguments", "-p", "$prompt"),
    ),
    files={"config.yaml": _CONFIG},
    telemetry={
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http",
    },
    artefacts=(".continue/",),
    version_command=("cn", "--version"),
    tried=True,
    note="429 is tried for minutes.",
)

"""opencode: OpenAI chat; spans and logs of its own."""

import json
from collections.abc import Mapping

from .adapter import Adapter, Install, McpServer

_CONFIG_PATH = ".config/opencode/opencode.json"
_PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "spanscore",
    "options": {"baseURL": "$model_url/v1", "apiKey": "$model_key"},
    "models": {"$model": {"name": "$model", "tool_call": True}},
}
_CONFIG = {
    "autoupdate": False,
    "share": "disabled",
    "model": "spanscore/$model",
    "small_model": "spanscore/$model",
    "permission": "allow",
    "provider": {"spanscore": _PROVIDER},
}


def _mcp(server: McpServer) -> Mapping[str, str]:
    entry = {
        "type": "local",
        "command": [server.command, *server.arguments],
        "environment": dict(server.environment),
        "enabled": True,
    }
    return {_CONFIG_PATH: json.dumps({"mcp": {server.name: entry}})}


ADAPTER = Adapter(
    name="opencode",
    title="opencode",
    install=Install("npm", ("opencode-ai@1.18.33",)),
    model_api="chat",
    command=("opencode", "run", "$arguments", "--", "$prompt"),
    environment={"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    files={_CONFIG_PATH: json.dumps(_CONFIG, indent=2)},
    telemetry={
        "OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http",
        "OTEL_BSP_SCHEDULE_DELAY": "50",  # milliseconds; it always ends without a flush
        # Without it there are no ai.* spans, the ones that hold the tokens.
        "OPENCODE_CONFIG_CONTENT": '{"experimental":{"openTelemetry":true}}',
    },
    instructions=".config/opencode/AGENTS.md",
    mcp=_mcp,
    artefacts=(".opencode/",),
    version_command=("opencode", "--version"),
    tried=True,
    note="429 and 500 are tried 9 times over about 90 s, 401 twice, then it exits 1.",
)

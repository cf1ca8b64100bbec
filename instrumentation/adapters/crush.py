"""Crush: OpenAI chat; no telemetry of its own."""

import json
from collections.abc import Mapping

from .adapter import Adapter, Install, McpServer

_CONFIG_PATH = ".config/crush/crush.json"
_MODEL = {"provider": "spanscore", "model": "$model"}
_PROVIDER = {
    "type": "openai-compat",
    "base_url": "$model_url/v1",
    "api_key": "$model_key",
    "models": [{"id": "$model", "name": "$model"}],
}
_CONFIG = {
    "providers": {"spanscore": _PROVIDER},
    "models": {"large": _MODEL, "small": _MODEL},
    "options": {"disable_provider_auto_update": True},
}


def _mcp(server: McpServer) -> Mapping[str, str]:
    entry = {
        "type": "stdio",
        "command": server.command,
        "args": list(server.arguments),
        "env": dict(server.environment),
    }
    return {_CONFIG_PATH: json.dumps({"mcp": {server.name: entry}})}


ADAPTER = Adapter(
    name="crush",
    title="Crush",
    install=Install("npm", ("@charmland/crush@0.96.1",)),  # it downloads a binary as it installs
    model_api="chat",
    command=("crush", "run", "--quiet", "$arguments", "--", "$prompt"),
    environment={"CRUSH_DISABLE_METRICS": "1", "CRUSH_DISABLE_PROVIDER_AUTO_UPDATE": "1"},
    files={_CONFIG_PATH: json.dumps(_CONFIG, indent=2)},
    instructions=".config/crush/CRUSH.md",
    mcp=_mcp,
    artefacts=(".crush/",),
    version_command=("crush", "--version"),
)

"""Qwen Code: OpenAI chat; spans, logs and metrics of its own."""

import json

from .adapter import Adapter, Install
from .mcp import in_json

_SETTINGS_PATH = ".qwen/settings.json"
_SETTINGS = {
    "security": {"auth": {"selectedType": "openai"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False},
}

ADAPTER = Adapter(
    name="qwen-code",
    title="Qwen Code",
    install=Install("npm", ("@qwen-code/qwen-code@0.24.4",), node=22),
    model_api="chat",
    command=("qwen", "--yolo", "$arguments", "--prompt=$prompt"),
    environment={
        "OPENAI_API_KEY": "$model_key",
        "OPENAI_BASE_URL": "$model_url/v1",
        "OPENAI_MODEL": "$model",
    },
    files={_SETTINGS_PATH: json.dumps(_SETTINGS, indent=2)},
    telemetry={
        "QWEN_TELEMETRY_ENABLED": "true",
        "QWEN_TELEMETRY_TARGET": "local",
        "QWEN_TELEMETRY_OTLP_PROTOCOL": "http",
        "QWEN_TELEMETRY_OTLP_ENDPOINT": "$otlp_http",
    },
    instructions=".qwen/QWEN.md",
    mcp=in_json(_SETTINGS_PATH),
    artefacts=(".qwen/",),
    version_command=("qwen", "--version"),
    tried=True,
    note="429 is tried for many minutes, 500 28 times over about 100 s, 401 once.",
)

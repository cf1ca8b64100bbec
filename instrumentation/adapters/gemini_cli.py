"""Gemini CLI: Gemini's API; spans, logs and metrics of its own."""

import json

from .adapter import Adapter, Install
from .mcp import in_json

_SETTINGS_PATH = ".gemini/settings.json"
_SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False},
}

ADAPTER = Adapter(
    name="gemini-cli",
    title="Gemini CLI",
    install=Install("npm", ("@google/gemini-cli@0.61.0",)),
    model_api="gemini",
    command=(
        *("gemini", "--model", "$model", "--yolo", "--skip-trust"),
        *("$arguments", "--prompt=$prompt"),
    ),
    environment={"GEMINI_API_KEY": "$model_key", "GOOGLE_GEMINI_BASE_URL": "$model_url"},
    files={_SETTINGS_PATH: json.dumps(_SETTINGS, indent=2)},
    telemetry={
        "GEMINI_TELEMETRY_ENABLED": "true",
        "GEMINI_TELEMETRY_TRACES_ENABLED": "true",  # without it spans hold no tokens
        "GEMINI_TELEMETRY_TARGET": "local",
        "GEMINI_TELEMETRY_OTLP_PROTOCOL": "http",
        "GEMINI_TELEMETRY_OTLP_ENDPOINT": "$otlp_http",
    },
    instructions=".gemini/GEMINI.md",
    mcp=in_json(_SETTINGS_PATH),
    artefacts=(".gemini/",),
    # It exits with the HTTP status modulo 256; 53 is its turn limit, 130 an interrupt.
    exit_reasons={
        53: "budget_exhausted",
        130: "cancelled",
        145: "provider_auth",  # 401
        147: "provider_auth",  # 403
        148: "provider_model_not_found",  # 404
        173: "provider_rate_limited",  # 429
        244: "provider_error",  # 500
        246: "provider_error",  # 502
        247: "provider_error",  # 503
    },
    version_command=("gemini", "--version"),
    tried=True,
    note="429 and 500 are tried 10 times over more than 3 minutes; 401 ends it at once.",
)

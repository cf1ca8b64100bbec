"""pi: OpenAI chat; no telemetry of its own."""

import json

from .adapter import Adapter, Install

_PROVIDER = {
    "baseUrl": "$model_url/v1",
    "api": "openai-completions",
    "apiKey": "$model_key",
    "models": [{"id": "$model"}],
}

ADAPTER = Adapter(
    name="pi",
    title="pi",
    install=Install("npm", ("@mariozechner/pi-coding-agent@0.73.1",)),
    model_api="chat",
    command=(
        *("pi", "--provider", "spanscore", "--model", "$model", "--no-session"),
        *("$arguments", "-p", "$prompt"),
    ),
    environment={"PI_OFFLINE": "1"},
    files={".pi/agent/models.json": json.dumps({"providers": {"spanscore": _PROVIDER}}, indent=2)},
    instructions=".pi/agent/AGENTS.md",
    artefacts=(".pi/",),
    version_command=("pi", "--version"),
    tried=True,
    note="429 is tried 12 times over about 25 s, then it exits 1.",
)

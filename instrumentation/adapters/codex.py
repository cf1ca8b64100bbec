"""Codex: OpenAI responses; spans, logs and metrics of its own, not flushed by a failed run."""

import json
from collections.abc import Mapping

from .adapter import Adapter, Install, McpServer

_CONFIG = """\
model = "$model"
model_provider = "spanscore"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[model_providers.spanscore]
name = "spanscore"
base_url = "$model_url/v1"
env_key = "SPANSCORE_MODEL_KEY"
wire_api = "responses"
"""
_TELEMETRY = """\
[otel.exporter]
otlp-http = { endpoint = "$otlp_http/v1/logs", protocol = "binary" }
[otel.trace_exporter]
otlp-http = { endpoint = "$otlp_http/v1/traces", protocol = "binary" }
[otel.metrics_exporter]
otlp-http = { endpoint = "$otlp_http/v1/metrics", protocol = "binary" }
"""
_CONFIG_PATH = ".codex/config.toml"


def _mcp(server: McpServer) -> Mapping[str, str]:
    # JSON texts and lists are TOML too.
    lines = [
        f"[mcp_servers.{json.dumps(server.name)}]",
        f"command = {json.dumps(server.command)}",
        f"args = {json.dumps(list(server.arguments))}",
        f"[mcp_servers.{json.dumps(server.name)}.env]",
        *(f"{json.dumps(key)} = {json.dumps(text)}" for key, text in server.environment.items()),
    ]
    return {_CONFIG_PATH: "\n".join(lines) + "\n"}


ADAPTER = Adapter(
    name="codex",
    title="Codex",
    install=Install("npm", ("@openai/codex@0.169.0",)),
    model_api="responses",
    command=("codex", "exec", "--skip-git-repo-check", "$arguments", "--", "$prompt"),
    environment={"SPANSCORE_MODEL_KEY": "$model_key"},
    files={_CONFIG_PATH: _CONFIG},
    # A run that fails ends without a flush; the delays keep what came shortly before.
    telemetry={"OTEL_BLRP_SCHEDULE_DELAY": "50", "OTEL_BSP_SCHEDULE_DELAY": "50"},
    telemetry_files={_CONFIG_PATH: _TELEMETRY},
    instructions=".codex/AGENTS.md",
    mcp=_mcp,
    artefacts=(".codex/",),
    version_command=("codex", "--version"),
    tried=True,
    note="429 without Retry-After ends it at once, 500 after 30 tries, 401 after 6; it exits 1.",
)

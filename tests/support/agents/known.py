"""The agents that tests run, as data: pinned package, command, and how to reach the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.model_server import PROMPT


@dataclass(frozen=True, slots=True)
class RealAgent:
    """How to get and start one agent. `MODEL` in values stands for the model server's URL.

    `name` is the one in `collector.agent_lines`; `files` are relative to the home folder, which
    is `HOME` in the command.
    """

    name: str
    package: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)


def _settings(auth: str) -> str:
    """Settings that Gemini CLI and its descendant Qwen Code share."""
    return json.dumps(
        {
            "security": {"auth": {"selectedType": auth}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False},
        }
    )


CLAUDE_CODE = RealAgent(
    "claude-code",
    "@anthropic-ai/claude-code@2.1.330",
    ("claude", "-p", PROMPT, "--allowedTools", "Bash"),
    {
        "ANTHROPIC_BASE_URL": "MODEL",
        "ANTHROPIC_API_KEY": "test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    },
)

_CODEX_CONFIG = """\
model = "gpt-5"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[model_providers.scripted]
name = "scripted"
base_url = "MODEL/v1"
env_key = "SCRIPTED_API_KEY"
wire_api = "responses"
"""
CODEX = RealAgent(
    "codex",
    "@openai/codex@0.169.0",
    ("codex", "exec", PROMPT),
    {"SCRIPTED_API_KEY": "test"},
    {".codex/config.toml": _CODEX_CONFIG},
)

COPILOT = RealAgent(
    "copilot",
    "@github/copilot@1.0.102",
    ("copilot", "-p", PROMPT, "--allow-all-tools"),
    {
        "COPILOT_PROVIDER_BASE_URL": "MODEL/v1",
        "COPILOT_PROVIDER_API_KEY": "test",
        "COPILOT_MODEL": "gpt-4o",
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
    },
)

GEMINI_CLI = RealAgent(
    "gemini-cli",
    "@google/gemini-cli@0.61.0",
    ("gemini", "--model", "gemini-2.5-pro", "--yolo", "--skip-trust", "-p", PROMPT),
    {"GEMINI_API_KEY": "test", "GOOGLE_GEMINI_BASE_URL": "MODEL"},
    {".gemini/settings.json": _settings("gemini-api-key")},
)

QWEN_CODE = RealAgent(
    "qwen-code",
    "@qwen-code/qwen-code@0.24.4",
    ("qwen", "--yolo", "-p", PROMPT),
    {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": "MODEL/v1",
        "OPENAI_MODEL": "qwen3-coder-plus",
    },
    {".qwen/settings.json": _settings("openai")},
)

_OPENCODE_PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "scripted",
    "options": {"baseURL": "MODEL/v1", "apiKey": "test"},
    "models": {
        "m1": {"name": "m1", "tool_call": True, "limit": {"context": 128_000, "output": 8192}}
    },
}
_OPENCODE_CONFIG = {
    "autoupdate": False,
    "share": "disabled",
    "model": "scripted/m1",
    "small_model": "scripted/m1",
    "permission": "allow",
    "provider": {"scripted": _OPENCODE_PROVIDER},
}
OPENCODE = RealAgent(
    "opencode",
    "opencode-ai@1.18.33",
    ("opencode", "run", PROMPT),
    {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    {".config/opencode/opencode.json": json.dumps(_OPENCODE_CONFIG)},
)

_CONTINUE_CONFIG = """\
name: scripted
version: 1.0.0
schema: v1
models:
  - name: scripted
    provider: openai
    model: gpt-4o
    apiBase: MODEL/v1
    apiKey: test
    roles: [chat]
    capabilities: [tool_use]
"""
CONTINUE = RealAgent(
    "continue",
    "@continuedev/cli@1.5.47",
    ("cn", "--config", "HOME/config.yaml", "--auto", "-p", PROMPT),
    {},
    {"config.yaml": _CONTINUE_CONFIG},
)

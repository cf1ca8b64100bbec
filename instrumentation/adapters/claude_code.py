"""Claude Code: Anthropic messages; spans, logs and metrics of its own."""

from .adapter import Adapter, Install
from .mcp import in_json

ADAPTER = Adapter(
    name="claude-code",
    title="Claude Code",
    install=Install("npm", ("@anthropic-ai/claude-code@2.1.331",), node=22),
    model_api="messages",
    command=(
        *("claude", "-p", "--model", "$model", "--dangerously-skip-permissions"),
        *("$arguments", "--", "$prompt"),
    ),
    environment={
        "ANTHROPIC_BASE_URL": "$model_url",
        "ANTHROPIC_API_KEY": "$model_key",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",  # without it root may not skip permissions
    },
    telemetry={
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",  # without it there are no spans
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "$otlp_http",
    },
    instructions=".claude/CLAUDE.md",
    mcp=in_json(".claude.json"),
    artefacts=(".claude/",),
    version_command=("claude", "--version"),
    tried=True,
    note="429, 500 and 401 are tried 11 times over about 3 minutes, then it exits 1.",
)

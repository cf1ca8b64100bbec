"""aider: OpenAI chat, edits by text; no telemetry of its own, and exit code 0 whatever happens."""

from .adapter import Adapter, Install

ADAPTER = Adapter(
    name="aider",
    title="aider",
    install=Install("pypi", ("aider-chat==0.86.2",)),
    model_api="chat",
    command=(
        *("aider", "--model", "openai/$model", "--openai-api-base", "$model_url/v1"),
        *("--yes-always", "--no-auto-commits", "--no-check-update", "--analytics-disable"),
        *("--no-show-model-warnings", "--no-gitignore", "--map-tokens", "0", "--no-pretty"),
        *("--no-detect-urls", "$arguments", "--message=$prompt", "--", "$files"),
    ),
    environment={"OPENAI_API_KEY": "$model_key", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    artefacts=(".aider*",),
    version_command=("aider", "--version"),
    tried=True,
    note="It exits 0 after 429 and 500 (27 tries) and 401 (1 try), and streams without usage.",
)

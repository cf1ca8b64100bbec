"""mini-swe-agent: OpenAI chat through litellm; no telemetry of its own."""

from .adapter import Adapter, Install

ADAPTER = Adapter(
    name="mini-swe-agent",
    title="mini-swe-agent",
    install=Install("pypi", ("mini-swe-agent==2.4.6", "mcp")),  # it does not start without mcp
    model_api="chat",
    command=(
        *("mini", "-m", "openai/$model", "-c", "mini.yaml"),
        *("-c", "model.model_kwargs.api_base=$model_url/v1"),
        *("-y", "--exit-immediately", "-o", "$home/trajectory.json"),
        *("$arguments", "--task=$prompt"),
    ),
    environment={
        "OPENAI_API_KEY": "$model_key",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_GLOBAL_CONFIG_DIR": "$home/.mini",
        "MSWEA_SILENT_STARTUP": "1",
    },
    version_command=("mini", "--help"),
    tried=True,
    note="429 and 500 are tried 30 times over many minutes, then it exits 1.",
)

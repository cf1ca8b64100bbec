"""OpenHands' command line: OpenAI chat through litellm; no telemetry of its own."""

from .adapter import Adapter, Install
from .mcp import in_json

ADAPTER = Adapter(
    name="openhands",
    title="OpenHands",
    install=Install("pypi", ("openhands==1.15.0",), python="3.12"),
    model_api="chat",
    command=(
        *("openhands", "--headless", "--override-with-envs"),
        *("$arguments", "--task=$prompt"),
    ),
    environment={
        "LLM_MODEL": "openai/$model",
        "LLM_BASE_URL": "$model_url/v1",
        "LLM_API_KEY": "$model_key",
    },
    mcp=in_json(".openhands/mcp.json"),
    artefacts=(".openhands/",),
    version_command=("openhands", "--version"),
)

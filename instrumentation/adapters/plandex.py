"""Plandex: a command line and a server of its own, which calls the model; no telemetry."""

from .adapter import Adapter, Install

ADAPTER = Adapter(
    name="plandex",
    title="Plandex",
    install=Install("none", url="https://docs.plandex.ai/install"),
    model_api="chat",
    command=(
        *("sh", "-c", 'plandex new --full && exec plandex tell "$$@"', "plandex"),
        *("$arguments", "--", "$prompt"),
    ),
    environment={"OPENAI_API_KEY": "$model_key", "OPENAI_API_BASE": "$model_url/v1"},
    artefacts=(".plandex*",),
    version_command=("plandex", "version"),
    note=(
        "The image must hold a self-hosted server that is signed in to, and a model pack that "
        "names the model: a plan's models are the server's, not this command's."
    ),
)

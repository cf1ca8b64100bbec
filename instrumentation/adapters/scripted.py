"""The agent that spanscore ships: small, real, and needing nothing but python3."""

from pathlib import Path

from .. import scripted
from ..scripted.agent import VERSION
from .adapter import Adapter, Install

_SOURCE = (Path(scripted.__file__).parent / "agent.py").read_text(encoding="utf-8")

ADAPTER = Adapter(
    name="scripted",
    title="Scripted agent",
    install=Install("none", url="part of spanscore"),
    model_api="chat",
    command=("python3", "$home/scripted_agent.py", "--model", "$model", "$arguments", "$prompt"),
    environment={"OPENAI_BASE_URL": "$model_url/v1", "OPENAI_API_KEY": "$model_key"},
    files={"scripted_agent.py": _SOURCE.replace("$", "$$")},
    tried=True,
    version_command=("python3", "-c", f"print('{VERSION}')"),
    note="One tool, the shell. For `spanscore demo` and for tasks that say what the model does.",
)

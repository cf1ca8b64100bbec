"""Real coding agents from the npm registry: installs them pinned, and runs them on loopback.

    done = run_agent(CODEX, tmp_path, model_url=model.url, setup=setup(endpoints, "codex"))

`setup` is what `spanscore serve` tells a user to paste for that agent.
"""

from .install import AgentInstallError, install
from .known import CLAUDE_CODE, CODEX, CONTINUE, COPILOT, GEMINI_CLI, OPENCODE, QWEN_CODE, RealAgent
from .run import AgentRun, run_agent

__all__ = [
    "CLAUDE_CODE",
    "CODEX",
    "CONTINUE",
    "COPILOT",
    "GEMINI_CLI",
    "OPENCODE",
    "QWEN_CODE",
    "AgentInstallError",
    "AgentRun",
    "RealAgent",
    "install",
    "run_agent",
]

"""Real coding agents from their registries: installs them as pinned, and runs them on loopback.

    done = run_agent(find("codex"), tmp_path, model_url=model.url, setup=setup(endpoints, "codex"))

`setup` is what `spanscore serve` tells a user to paste for that agent; the rest of an agent's
set-up is its adapter's.
"""

from .install import AgentInstallError, install
from .run import AgentRun, run_agent

__all__ = ["AgentInstallError", "AgentRun", "install", "run_agent"]

"""What is to be run: a cell (agent, model, task), and the terms on which it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .adapters.adapter import Adapter
from .plugins import Plugin, behavior_mode
from .plugins.apply import FACTORY
from .proxy import Budget, Upstream
from .tasks import Task


@dataclass(frozen=True, slots=True)
class Cell:
    """One attempt of an agent with a model at a task."""

    agent: Adapter
    model: str
    task: Task
    plugins: tuple[Plugin, ...] = ()
    command_line: str = ""
    """What the agent `command` runs."""
    attempt: int = 1
    sweep_id: str | None = None
    sweep_cells: int | None = None
    """How many cells the sweep has; None for a run that no sweep planned."""
    sweep_repeats: int | None = None
    """How many runs the sweep wants of each."""
    seed: int | None = None

    @property
    def id(self) -> str:
        """The id that all attempts at the same thing share: agent, set-up, model and task."""
        agent = self.agent.name
        if self.behavior_mode != FACTORY:
            agent += "+" + "+".join(plugin.name for plugin in self.plugins)
        return "/".join((agent, self.model, self.task.id))

    @property
    def behavior_mode(self) -> str:
        """`factory`, or `plugins`."""
        return behavior_mode(self.plugins)


@dataclass(frozen=True, slots=True)
class Terms:
    """How cells are run. None leaves a thing to the task, or unlimited where that says nothing."""

    upstream: Upstream | None
    """The model endpoint; None only with `replay`."""
    image: str | None = None
    timeout_s: float | None = None
    memory_limit_bytes: int | None = None
    cpu_limit: float | None = None
    network: Literal["none", "host"] = "none"
    user: str | None = None
    """`UID:GID` inside of the container; that of the harness if None."""
    docker_socket: Path | None = None
    """Given to the agent, which then rules this machine."""
    budget: Budget = field(default_factory=Budget)
    capture_content: bool = False
    record: Path | None = None
    replay: Path | None = None
    replay_timing: Literal["recorded", "none"] = "recorded"
    keep: Path | None = None
    """Where the workspace and the output are kept, in a folder a run."""
    model_build_id: str | None = None
    context_window: int | None = None

    def timeout_of(self, task: Task) -> float:
        """How long the agent may take, s."""
        return self.timeout_s if self.timeout_s is not None else task.timeout_s

    def image_of(self, task: Task) -> str | None:
        """The image that is asked for."""
        return self.image or task.image

"""What an adapter says of an agent, mostly data: how to get it, start it, and read its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

ModelApi = Literal["chat", "responses", "messages", "gemini"]
"""The model API that the agent speaks: OpenAI chat or responses, Anthropic messages, Gemini."""


class AdapterError(ValueError):
    """There is no such adapter, or it cannot be started so; the message names the fix."""


@dataclass(frozen=True, slots=True)
class Install:
    """How to get the agent: packages of one registry, pinned to the version that was tried.

    The first package is the agent itself. With `registry` none, `url` says where to get it.
    """

    registry: Literal["npm", "pypi", "none"]
    packages: tuple[str, ...] = ()
    node: int = 20
    """The oldest major version of Node.js that an npm package runs on."""
    python: str = "3.11"
    """The oldest Python that a PyPI package runs on."""
    url: str = ""

    @property
    def version(self) -> str | None:
        """The pinned version of the agent; None if it comes from no registry."""
        if not self.packages:
            return None
        return self.packages[0].rpartition("@" if self.registry == "npm" else "==")[2]


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server that the agent starts itself and speaks to over standard input and output."""

    name: str
    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One agent.

    Texts are templates: `$name` is a field of LaunchContext, `$$` a dollar sign. Two words of
    `command` become as many words as there are: `$files`, and `$arguments` (of plugins).
    """

    name: str
    title: str
    install: Install
    model_api: ModelApi | None
    """None: it is not known, or depends on the command line."""
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Config files, relative to the home folder. What is filled in is escaped as in JSON."""
    telemetry: Mapping[str, str] = field(default_factory=dict)
    """Environment that switches its own OpenTelemetry on; empty if it has none."""
    telemetry_files: Mapping[str, str] = field(default_factory=dict)
    """Added to `files` for its own OpenTelemetry: a text at the end, JSON key by key."""
    instructions: str = ""
    """The file that it reads as its AGENTS.md in the home folder; empty if it reads none."""
    mcp: Callable[[McpServer], Mapping[str, str]] | None = None
    """The config files that make it start a server, to be added to `files`; None if it cannot."""
    artefacts: tuple[str, ...] = ()
    """Patterns of its own droppings in the workspace, as in .gitignore."""
    exit_reasons: Mapping[int, str] = field(default_factory=dict)
    """Exit codes that are known to mean a failure class (docs/scores.md)."""
    version_command: tuple[str, ...] = ()
    tried: bool = False
    """Whether it was run for real against a scripted model; else it is from documentation."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """What is known when an agent is started; its names are the placeholders."""

    prompt: str
    model: str
    model_url: str
    """Base URL of the model endpoint without a version path; the proxy's, with its run token."""
    model_key: str
    """A dummy: the proxy puts the real key in."""
    home: str
    workspace: str
    otlp_http: str
    otlp_grpc: str
    files: tuple[str, ...] = ()
    """Files that the task is about, for agents that want to be told."""
    command_line: str = ""
    """What the adapter `command` runs."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, ready to run: `files` are to be written below the home folder, mode 0600.

    `applied` and `skipped` tell, in words without any value, what became of each plugin.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    applied: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

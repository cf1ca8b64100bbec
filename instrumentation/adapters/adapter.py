"""What an adapter says of an agent, mostly data: how to get it, start it, and read its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

ModelApi = Literal["chat", "responses", "messages", "gemini"]
"""The model API that the agent speaks: OpenAI chat or responses, Anthropic messages, Gemini."""


@dataclass(frozen=True, slots=True)
class Install:
    """How to get the agent: packages of one registry, pinned to the version that was tried."""

    registry: Literal["npm", "pypi", "none"]
    packages: tuple[str, ...] = ()
    node: str | None = None
    """The oldest Node.js that it runs on, where that is above 20."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One agent. Texts may hold `{name}` placeholders, filled from a LaunchContext."""

    name: str
    title: str
    install: Install
    model_api: ModelApi | None
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Config files, relative to the agent's home folder."""
    telemetry: Mapping[str, str] = field(default_factory=dict)
    """Environment that switches its own OpenTelemetry on; empty if it has none."""
    telemetry_files: Mapping[str, str] = field(default_factory=dict)
    """Added to `files` (appended where both name one) for its own OpenTelemetry."""
    artefacts: tuple[str, ...] = ()
    """Patterns of its own droppings in the workspace, as in .gitignore."""
    exit_reasons: Mapping[int, str] = field(default_factory=dict)
    """Exit codes that are known to mean a failure class."""
    version_command: tuple[str, ...] = ()
    tried: bool = False
    """Whether it was run for real against the proxy; else it is written from documentation."""
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


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, ready to run: `files` are to be written below the home folder."""

    command: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]

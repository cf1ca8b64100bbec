"""Applies plugins to a launch: a pure function that says what it applied, what not, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..adapters.adapter import Adapter
from .plugin import FromHost, Part, Plugin, Server

FACTORY = "factory"
"""The behaviour mode of an agent as it comes; with plugins it is `plugins`."""


def behavior_mode(plugins: Sequence[Plugin]) -> str:
    """`spanscore.behavior_mode` of a run with these plugins."""
    return "plugins" if plugins else FACTORY


@dataclass(slots=True)
class Changes:
    """What plugins change about a launch, and what is to be said of it."""

    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def secrets(plugins: Iterable[Plugin], host: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The values that plugins take from the host: to be masked in all that a run leaves."""
    found: set[str] = set()
    for plugin in plugins:
        parts: list[Part | Server] = [plugin.general, *plugin.by_agent.values()]
        parts += plugin.mcp_servers
        for value in (value for part in parts for value in part.environment.values()):
            if isinstance(value, FromHost):
                found.add(host.get(value.variable, ""))
    return tuple(sorted(found - {""}))


def changes(
    adapter: Adapter,
    plugins: Iterable[Plugin],
    files: Mapping[str, str],
    host: Mapping[str, str],
) -> Changes:
    """What the plugins, in their order, change for this agent; a later one wins over an earlier.

    `files` are the adapter's own, `host` is where `{ from = "VARIABLE" }` is looked up. A part
    that cannot be applied is skipped alone; nothing is raised.
    """
    made = Changes(files=dict(files))
    for plugin in plugins:
        _Applying(adapter, plugin, host, made).all()
    return made


@dataclass(frozen=True, slots=True)
class _Applying:
    adapter: Adapter
    plugin: Plugin
    host: Mapping[str, str]
    made: Changes

    def all(self) -> None:
        own = self.plugin.by_agent.get(self.adapter.name)
        done = [*self._part(self.plugin.general), *self._part(own or Part())]
        done += [*self._instructions(), *self._servers()]
        name = self.plugin.name
        if done:
            self.made.applied.append(f"{name}: {', '.join(done)}")
        elif self.plugin.by_agent and own is None:
            known = ", ".join(self.plugin.by_agent)
            self._skip(f"it has nothing for {self.adapter.name}, only for {known}")

    def _skip(self, reason: str) -> None:
        self.made.skipped.append(f"{self.plugin.name}: {reason}")

    def _part(self, part: Part) -> Iterable[str]:
        if part.arguments:
            self.made.arguments += part.arguments
            yield f"{len(part.arguments)} arguments"
        found = self._looked_up(part.environment, "environment")
        self.made.environment |= found
        yield from (f"environment {key}" for key in found)
        for path, text in part.files.items():
            yield from self._file(path, text, f"file {path}")

    def _instructions(self) -> Iterable[str]:
        if not self.plugin.instructions:
            return
        if self.adapter.instructions:
            yield from self._file(
                self.adapter.instructions, self.plugin.instructions, "instructions"
            )
        else:
            self._skip(f"instructions: {self.adapter.name} reads none from its home folder")

    def _servers(self) -> Iterable[str]:
        for server in self.plugin.mcp_servers:
            what = f"MCP server {server.name}"
            if self.adapter.mcp is None:
                self._skip(f"{what}: {self.adapter.name} takes none")
                continue
            found = self._looked_up(server.environment, what)
            if len(found) == len(server.environment):
                for path, text in self.adapter.mcp(server.resolved(found)).items():
                    yield from self._file(path, text, what)

    def _looked_up(self, wanted: Mapping[str, str | FromHost], what: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in wanted.items():
            if isinstance(value, str):
                found[key] = value
            elif held := self.host.get(value.variable):
                found[key] = held
            else:
                self._skip(f"{what} {key}: the variable {value.variable} is not set")
        return found

    def _file(self, path: str, text: str, what: str) -> Iterable[str]:
        try:
            self.made.files[path] = merged(path, self.made.files.get(path, ""), text)
            yield what
        except ValueError:
            self._skip(f"{what}: {path} must be JSON")


def merged(path: str, first: str, second: str) -> str:
    """Two texts of one file: JSON key by key, where the second one wins, or one after the other.

    Raises ValueError if a `.json` file's texts are no JSON.
    """
    if not first:
        return second
    if not path.endswith(".json"):
        return first + ("" if first.endswith("\n") else "\n") + second
    return json.dumps(_merged_json(json.loads(first), json.loads(second)), indent=2)


def _merged_json(first: Any, second: Any) -> Any:
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    both = {key: _merged_json(first[key], second[key]) for key in first if key in second}
    return {**first, **second, **both}

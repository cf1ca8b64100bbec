"""Plugins: what is changed about an agent for a run, read from a small TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..adapters import AdapterError
from ..adapters import find as find_adapter
from ..adapters.adapter import McpServer

SHIPPED = Path(__file__).parent
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class PluginError(ValueError):
    """There is no such plugin, or its file is wrong; the message names file, key and fix."""


@dataclass(frozen=True, slots=True)
class FromHost:
    """A value that is not in the file: the variable of the harness's own environment has it."""

    variable: str


@dataclass(frozen=True, slots=True)
class Part:
    """Changes for one agent, or for each: `arguments` of its command, variables, config files."""

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str | FromHost] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Below the home folder; JSON is merged key by key, any other text is put at the end."""


@dataclass(frozen=True, slots=True)
class Server:
    """An MCP server before its environment was looked up."""

    name: str
    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str | FromHost]

    def resolved(self, environment: Mapping[str, str]) -> McpServer:
        """The server as agents are told of it, with its variables' values."""
        return McpServer(self.name, self.command, self.arguments, environment)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin: `general` is for every agent, `by_agent` for the agents named."""

    name: str
    description: str = ""
    instructions: str = ""
    """What the agent reads as its AGENTS.md."""
    mcp_servers: tuple[Server, ...] = ()
    general: Part = Part()
    by_agent: Mapping[str, Part] = field(default_factory=dict)


def shipped() -> list[str]:
    """The names of the plugins that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find(name: str) -> Plugin:
    """The shipped plugin of that name, or the one in a file (a path, or ending in `.toml`)."""
    if name.endswith(".toml") or "/" in name:
        return load(Path(name))
    if name not in shipped():
        raise PluginError(
            f"no plugin is called {name!r}; shipped: {', '.join(shipped())}; "
            "or name a file, such as ./plugin.toml"
        )
    return load(SHIPPED / f"{name}.toml")


def load(path: Path) -> Plugin:
    """The plugin in a file; its name is the file's. Raises PluginError."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise PluginError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PluginError(f"{path}: not TOML: {error}") from None
    reader = _Reader(path)
    general = reader.part(table, "")
    known = reader.table(table, "agent")
    by_agent = {name: reader.agent(name, known) for name in known}
    servers = reader.table(table, "mcp")
    plugin = Plugin(
        path.stem,
        reader.text(table, "description"),
        reader.text(table, "instructions"),
        tuple(reader.server(name, servers) for name in servers),
        general,
        by_agent,
    )
    reader.refuse_others(
        table, "", {"description", "instructions", "mcp", "agent", *Part.__dataclass_fields__}
    )
    if plugin == Plugin(path.stem, plugin.description):
        raise PluginError(f"{path}: it changes nothing; give it instructions, environment, ...")
    return plugin


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values out of a parsed file; what is wrong is said with the file and the key."""

    path: Path

    def wrong(self, key: str, wanted: str) -> PluginError:
        return PluginError(f"{self.path}: {key.strip('.')}: {wanted}")

    def refuse_others(self, table: Mapping[str, Any], at: str, allowed: set[str]) -> None:
        for key in table:
            if key not in allowed:
                raise self.wrong(f"{at}.{key}", f"no such key; known: {', '.join(sorted(allowed))}")

    def table(self, table: Mapping[str, Any], key: str, at: str = "") -> Mapping[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{at}.{key}", "a table is wanted")
        return value

    def text(self, table: Mapping[str, Any], key: str, at: str = "") -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(f"{at}.{key}", "a text in quotes is wanted")
        return value

    def texts(self, table: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"{at}.{key}", 'a list of texts is wanted, such as ["--fast"]')
        return tuple(value)

    def environment(self, table: Mapping[str, Any], at: str) -> Mapping[str, str | FromHost]:
        read: dict[str, str | FromHost] = {}
        for key, value in self.table(table, "environment", at).items():
            where = f"{at}.environment.{key}"
            if not _VARIABLE.fullmatch(key):
                raise self.wrong(where, "not the name of a variable")
            source = value.get("from") if isinstance(value, dict) and len(value) == 1 else None
            if isinstance(source, str):
                read[key] = FromHost(source)
            elif isinstance(value, str):
                read[key] = value
            else:
                raise self.wrong(where, 'a text is wanted, or { from = "VARIABLE" }')
        return read

    def files(self, table: Mapping[str, Any], at: str) -> Mapping[str, str]:
        read = self.table(table, "files", at)
        for name, text in read.items():
            relative = PurePosixPath(name)
            if relative.is_absolute() or ".." in relative.parts or not isinstance(text, str):
                raise self.wrong(f"{at}.files.{name}", "a path below the home folder and a text")
        return dict(read)

    def part(self, table: Mapping[str, Any], at: str) -> Part:
        return Part(
            self.texts(table, "arguments", at), self.environment(table, at), self.files(table, at)
        )

    def agent(self, name: str, agents: Mapping[str, Any]) -> Part:
        try:
            find_adapter(name)
        except AdapterError as error:
            raise self.wrong(f"agent.{name}", str(error)) from None
        table = self.table(agents, name, "agent")
        self.refuse_others(table, f"agent.{name}", set(Part.__dataclass_fields__))
        return self.part(table, f"agent.{name}")

    def server(self, name: str, servers: Mapping[str, Any]) -> Server:
        table = self.table(servers, name, "mcp")
        at = f"mcp.{name}"
        self.refuse_others(table, at, {"command", "arguments", "environment"})
        command = self.text(table, "command", at)
        if not command:
            raise self.wrong(f"{at}.command", "missing: the program that is the server")
        return Server(
            name, command, self.texts(table, "arguments", at), self.environment(table, at)
        )

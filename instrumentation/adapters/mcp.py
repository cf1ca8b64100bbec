"""How agents are told of MCP servers: the form of config file that most of them share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from .adapter import McpServer


def in_json(path: str) -> Callable[[McpServer], Mapping[str, str]]:
    """An entry of `mcpServers` in a JSON file of the home folder."""

    def files(server: McpServer) -> Mapping[str, str]:
        entry = {
            "command": server.command,
            "args": list(server.arguments),
            "env": dict(server.environment),
        }
        return {path: json.dumps({"mcpServers": {server.name: entry}})}

    return files

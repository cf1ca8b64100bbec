"""Prints the adapters: a table of all, one in full, or JSON of either."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa
from rich.console import Console

from spanscore.instrumentation import plugins
from spanscore.instrumentation.adapters import all
from spanscore.instrumentation.adapters.adapter import Adapter
from spanscore.instrumentation.images import install_line

from ..output import write_result
from ..store.query import QueryResult

Form = Literal["table", "json"]


def list_agents(form: Form) -> None:
    """Every adapter, a row each."""
    rows = pa.Table.from_pylist([_row(adapter) for adapter in all()])
    write_result(QueryResult(rows.schema, rows.to_batches()), form, sys.stdout)


def show_agent(adapter: Adapter, form: Form) -> None:
    """One adapter, with all that it says."""
    if form == "json":
        print(json.dumps(_whole(adapter), indent=2))
        return
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for title, lines in _sections(adapter):
        console.print(title, style="bold")
        for line in lines:
            console.print(f"  {line}")


def _row(adapter: Adapter) -> dict[str, Any]:
    install = adapter.install
    return {
        "agent": adapter.name,
        "version": install.version,
        "registry": None if install.registry == "none" else install.registry,
        "model_api": adapter.model_api,
        "own_telemetry": bool(adapter.telemetry or adapter.telemetry_files),
        "state": "tried" if adapter.tried else "untried",
    }


def _whole(adapter: Adapter) -> dict[str, Any]:
    return {
        **_row(adapter),
        "title": adapter.title,
        "install": install_line(adapter) or None,
        "command": list(adapter.command),
        "environment": dict(adapter.environment),
        "files": dict(adapter.files),
        "telemetry": dict(adapter.telemetry),
        "telemetry_files": dict(adapter.telemetry_files),
        "instructions": adapter.instructions or None,
        "mcp_servers": adapter.mcp is not None,
        "artefacts": list(adapter.artefacts),
        "exit_reasons": {str(code): reason for code, reason in adapter.exit_reasons.items()},
        "plugins": _plugins(adapter),
        "note": adapter.note or None,
    }


def _sections(adapter: Adapter) -> Iterator[tuple[str, list[str]]]:
    state = "tried" if adapter.tried else "untried: written from its documentation"
    yield f"{adapter.title} {adapter.install.version or ''}".strip(), [state]
    if adapter.note:
        yield "note", [adapter.note]
    if line := install_line(adapter):
        yield "install", [line]
    yield "command", [shlex.join(adapter.command)]
    yield "environment", _assignments(adapter.environment)
    yield from ((f"file ~/{path}", text.splitlines()) for path, text in adapter.files.items())
    if adapter.telemetry:
        yield "its own telemetry", _assignments(adapter.telemetry)
    for path, text in adapter.telemetry_files.items():
        yield f"its own telemetry, added to ~/{path}", text.splitlines()
    if adapter.artefacts:
        yield "its own files in a workspace", list(adapter.artefacts)
    if adapter.exit_reasons:
        meant = (f"{code}: {reason}" for code, reason in sorted(adapter.exit_reasons.items()))
        yield "exit codes with a meaning", list(meant)
    yield (
        "plugins",
        [
            f"instructions: {f'~/{adapter.instructions}' if adapter.instructions else 'none read'}",
            f"MCP servers: {'yes' if adapter.mcp else 'no'}",
            f"shipped for it: {', '.join(_plugins(adapter)) or 'none'}",
        ],
    )


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{key}={text}" for key, text in environment.items()]


def _plugins(adapter: Adapter) -> list[str]:
    return [name for name in plugins.shipped() if adapter.name in plugins.find(name).by_agent]

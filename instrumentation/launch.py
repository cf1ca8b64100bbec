"""From an adapter to a command that is ready to run, with plugins applied."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from string import Template

from .adapters.adapter import Adapter, AdapterError, Launch, LaunchContext
from .plugins import Plugin
from .plugins.apply import changes, merged

_ALWAYS = {"HOME": "$home", "LANG": "C.UTF-8", "TERM": "dumb"}


def launch(
    adapter: Adapter,
    context: LaunchContext,
    plugins: Sequence[Plugin] = (),
    *,
    host: Mapping[str, str] = os.environ,
) -> Launch:
    """The command, its environment and its files; nothing is written or started here.

    `host` is where plugins look up the values that their files do not hold. Raises AdapterError.
    """
    check_command_line(adapter, context.command_line)
    values = {key: text for key, text in asdict(context).items() if isinstance(text, str)}
    files = _files(adapter, values)
    made = changes(adapter, plugins, files, host)
    return Launch(
        tuple(_words(adapter, context, values, made.arguments)),
        {
            **{
                key: Template(text).substitute(values)
                for key, text in {**_ALWAYS, **adapter.environment, **adapter.telemetry}.items()
            },
            **made.environment,
        },
        made.files,
        tuple(made.applied),
        tuple(made.skipped),
    )


def check_command_line(adapter: Adapter, command_line: str) -> None:
    """That an agent which is whatever is asked for was given something. Raises AdapterError."""
    if "$command_line" in adapter.command and not command_line.strip():
        raise AdapterError(
            f"the agent {adapter.name!r} needs a command line; give one: "
            "--command-line 'my-agent \"$SPANSCORE_PROMPT\"'"
        )


def _words(
    adapter: Adapter, context: LaunchContext, values: Mapping[str, str], arguments: Sequence[str]
) -> Iterator[str]:
    several = {"$files": context.files, "$arguments": arguments}
    for word in adapter.command:
        if word in several:
            yield from several[word]
        else:
            yield Template(word).substitute(values)


def _files(adapter: Adapter, values: Mapping[str, str]) -> dict[str, str]:
    escaped = {key: json.dumps(text)[1:-1] for key, text in values.items()}
    files: dict[str, str] = {}
    for written in (adapter.files, adapter.telemetry_files):
        for path, text in written.items():
            filled = Template(text).substitute(escaped)
            files[path] = merged(path, files.get(path, ""), filled)
    return files

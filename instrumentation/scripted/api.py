"""What every scripted model API has in common: the request it understands, the answer it forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .script import Step

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A request for a model's next answer, whatever API it came by."""

    model: str
    stream: bool
    tool_results: int
    tools: tuple[str, ...]
    reports_usage: bool = True

    @property
    def shell(self) -> str | None:
        """The first offered tool that runs a shell command."""
        return next((name for name in self.tools if name in SHELL_ARGUMENTS), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A step on its way to one turn. `number` makes the ids of messages and calls distinct."""

    turn: Turn
    step: Step
    number: int

    @property
    def call(self) -> tuple[str, Json] | None:
        """The tool to call and its arguments; None when the step is a text."""
        if self.step.command is None or self.turn.shell is None:
            return None
        return self.turn.shell, SHELL_ARGUMENTS[self.turn.shell](self.step.command)


class Api(Protocol):
    """One model API; each is a module of this folder."""

    def turn(self, path: str, body: Json) -> Turn:
        """Reads a request."""

    def reply(self, answer: Answer) -> Json:
        """The body of an answer that is not streamed."""

    def events(self, answer: Answer) -> Iterator[tuple[str, Json | str]]:
        """The server-sent events (name or "", data) of a streamed answer."""

    def error(self, status: int) -> Json:
        """The body of an error."""


def _described(command: str) -> Json:
    return {"command": command, "description": "Correct the operator"}


# How coding agents call their shell tool, and what arguments it takes.
SHELL_ARGUMENTS: Mapping[str, Callable[[str], Json]] = {
    "Bash": _described,  # Claude Code, Continue
    "bash": _described,  # Copilot CLI, opencode
    "exec_command": lambda command: {"cmd": command},  # Codex
    "shell_command": lambda command: {"command": command},  # Codex, older
    "run_shell_command": lambda command: {**_described(command), "is_background": False},
}

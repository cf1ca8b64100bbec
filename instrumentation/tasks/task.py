"""A task: a folder with task.toml, the workspace that the agent gets, and tests it never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..scripted.script import Script


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a right refusal says, for tasks whose right answer is to refuse.

    A marker makes an answer a refusal. Each keyword is a part of the reason; the spellings of one
    keyword are separated by `|`.
    """

    markers: tuple[str, ...]
    keywords: tuple[str, ...]
    reference: str | None = None
    """A right refusal, by which the task itself is checked."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command in the agent's workspace and what it must print: a test without a framework.

    What it must print never enters the container, so nothing that the agent left can forge it.
    """

    name: str
    command: tuple[str, ...]
    stdout: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """How a task is judged: by cases, or by a command that ends with 0 and may write a report.

    `build` comes first, where given, and must end with 0. `fail_to_pass` and `pass_to_pass` name
    the tests that fail and pass on the untouched workspace; those that are named must pass.
    `timeout_s` is for all of it together.
    """

    command: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    build: tuple[str, ...] = ()
    timeout_s: float = 60.0
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A checked task. Paths in `expected` and `forbidden` are patterns as in .gitignore."""

    id: str
    family: str
    version: str
    """Given in task.toml, else a hash over the folder's content."""
    prompt: str
    timeout_s: float
    expected: tuple[str, ...]
    forbidden: tuple[str, ...]
    files: tuple[str, ...]
    """The files that the task is about; when all of them are gone, the workspace is destroyed."""
    verification: Verification
    image: str | None
    memory_limit_bytes: int | None
    refusal: Refusal | None
    script: Script | None
    """What the scripted model does with it, where the task says."""
    folder: Path

    @property
    def workspace(self) -> Path:
        """What the agent gets a copy of."""
        return self.folder / "workspace"

    @property
    def hidden_tests(self) -> Path:
        """What is laid over the workspace last, for the verifier alone; may be missing."""
        return self.folder / "tests"

    @property
    def solution(self) -> Path:
        """What, laid over the workspace, solves the task; may be missing."""
        return self.folder / "solution"

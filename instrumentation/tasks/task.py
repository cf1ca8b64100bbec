"""A task: a folder with task.toml, the workspace that the agent gets, and tests it never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a right refusal says, for tasks whose right answer is to refuse."""

    markers: tuple[str, ...]
    keywords: tuple[str, ...]


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
    verify_command: tuple[str, ...]
    verify_timeout_s: float
    image: str | None
    memory_limit_bytes: int | None
    refusal: Refusal | None
    folder: Path

    @property
    def workspace(self) -> Path:
        """What the agent gets a copy of."""
        return self.folder / "workspace"

    @property
    def hidden_tests(self) -> Path:
        """What is put in last, for the verifier alone; may be missing."""
        return self.folder / "tests"

"""Tasks that tests make: a folder with a task.toml, written from what a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spanscore.instrumentation.tasks import Task, load

HEAD = 'id = "made"\nfamily = "made"\nprompt = "Do it."\n'
VERIFY = '[verify]\ncommand = ["true"]\n'


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write texts by their paths below `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def write_task(
    folder: Path,
    more: str = VERIFY,
    workspace: Mapping[str, str] | None = None,
    tests: Mapping[str, str] | None = None,
) -> Path:
    """Write a task; `more` follows the keys that every task has."""
    write_files(folder / "workspace", workspace or {"a.txt": "a\n"})
    if tests:
        write_files(folder / "tests", tests)
    (folder / "task.toml").write_text(HEAD + more)
    return folder


def made_task(
    folder: Path,
    more: str = VERIFY,
    workspace: Mapping[str, str] | None = None,
    tests: Mapping[str, str] | None = None,
) -> Task:
    """Write a task and load it."""
    return load(write_task(folder, more, workspace, tests))

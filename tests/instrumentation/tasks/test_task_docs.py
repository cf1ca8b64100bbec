"""docs/tasks.md tells every key of task.toml and every shipped task, and its example is a task."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spanscore.instrumentation.tasks import load, shipped
from spanscore.instrumentation.tasks.file import TaskFile, VerifyTable
from tests.support.made_task import write_files

TEXT = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text()
KEYS = [*TaskFile.model_fields, *(f"verify.{name}" for name in VerifyTable.model_fields)]


@pytest.mark.parametrize("key", [key for key in KEYS if key != "verify"])
def test_each_key_is_documented(key: str) -> None:
    cells = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
    table, _, name = key.rpartition(".")
    assert any(f"`{key}`" in cell or (table in cell and f"`{name}`" in cell) for cell in cells)


@pytest.mark.parametrize("task", [task.id for task in shipped()])
def test_each_shipped_task_is_named(task: str) -> None:
    first, rest = re.match(r"([a-z]+)(-.*)", task).groups()  # type: ignore[union-attr]  # matches
    assert f"`{task}`" in TEXT or re.search(rf"`{first}-.*`{rest}`", TEXT)


def test_the_example_is_a_task(tmp_path: Path) -> None:
    [example, refusal] = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    write_files(tmp_path, {"task.toml": example + refusal, "workspace/durations.py": ""})
    task = load(tmp_path)
    assert task.verification.fail_to_pass == ("hours",)
    assert task.refusal is not None

"""A task's folder is read and checked, and what is wrong is said with file, key and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.instrumentation.tasks import TaskError, find, load, shipped
from tests.support.made_task import HEAD, VERIFY, made_task, write_files, write_task

FULL = """
version = "3"
timeout_s = 90
expected = ["src/"]
forbidden = ["tests/"]
files = ["src/a.py"]
image = "python:3.12"
memory = "512MB"
[verify]
timeout_s = 20
build = ["make"]
[[verify.cases]]
name = "one"
command = ["echo", "1"]
stdout = "1"
[refusal]
keywords = ["no way|none"]
[scripted]
delay_s = 0.5
[[scripted.steps]]
command = "true"
input_tokens = 7
[[scripted.steps]]
text = "Done."
[scripted.fault]
status = 429
times = 2
"""


def test_every_key_reaches_the_task(tmp_path: Path) -> None:
    task = made_task(tmp_path / "t", FULL)
    assert (task.id, task.family, task.version, task.prompt) == ("made", "made", "3", "Do it.")
    assert (task.timeout_s, task.memory_limit_bytes) == (90, 512_000_000)
    assert (task.expected, task.forbidden, task.files) == (("src/",), ("tests/",), ("src/a.py",))
    assert (task.verification.build, task.verification.timeout_s) == (("make",), 20)
    assert task.verification.cases[0].command == ("echo", "1")
    assert task.refusal is not None
    assert "cannot" in task.refusal.markers
    assert task.script is not None
    assert task.script.steps[0].usage.input_tokens == 7
    assert task.script.fault is not None
    assert (task.script.fault.status, task.script.fault.times) == (429, 2)
    assert task.folder == (tmp_path / "t").resolve()


def test_a_version_that_is_not_given_follows_the_content(tmp_path: Path) -> None:
    first = made_task(tmp_path / "t").version
    write_files(tmp_path / "t", {"workspace/__pycache__/a.pyc": "x"})
    assert load(tmp_path / "t").version == first
    write_files(tmp_path / "t", {"tests/hidden.py": "x"})
    assert load(tmp_path / "t").version != first
    assert first.startswith("sha256:")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("timeout = 5\n" + VERIFY, r"timeout: there is no such key; did you mean timeout_s\?"),
        ("[verify]\ncommand = 5", "verify.command: input should be a valid tuple, not 5"),
        ("[verify]\ncommand = []", "verify.command: .* at least 1 item"),
        ("[verify]\n", r"nothing judges the task; add \[verify\]"),
        (
            '[verify]\ncommand = ["true"]\nzzz = 1',
            "verify.zzz: .*; known are build, cases, command",
        ),
        ("timeout_s = -1\n" + VERIFY, "timeout_s: input should be greater than 0, not -1"),
        ('memory = "lots"\n' + VERIFY, "memory: could not parse"),
        ('expected = ["!"]\n' + VERIFY, "expected: '!' is no pattern"),
        (VERIFY + "[[verify.cases]]\nname='a'\ncommand=['b']\nstdout=''", "one of them out"),
        (VERIFY + "[refusal]\nmarkers = ['no']", "refusal.keywords: is missing; add it"),
        (VERIFY + "[scripted]\nsteps = [{command = 'ls'}]", "scripted: the last step is repeated"),
        ("[[verify.cases]]\nname='a'\ncommand=['b']", r"verify.cases\[0\].stdout: is missing"),
        ("[verify", "is not TOML: "),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_fix(tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(TaskError, match=rf"t/task\.toml: {says}|t/task\.toml: .*{says}"):
        made_task(tmp_path / "t", more)


def test_a_missing_key_of_the_head_is_named(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t")
    (folder / "task.toml").write_text(HEAD.replace('family = "made"\n', "") + VERIFY)
    with pytest.raises(TaskError, match="family: is missing; add it"):
        load(folder)


def test_several_things_that_are_wrong_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        made_task(tmp_path / "t", "timeout = 5\nmemory = 'x'\n" + VERIFY)
    assert len(str(caught.value).splitlines()) == 2


def test_a_folder_without_a_task_or_a_workspace_is_told(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="there is no such file; a task is a folder with one"):
        load(tmp_path)
    (tmp_path / "task.toml").write_text(HEAD + VERIFY)
    with pytest.raises(TaskError, match="workspace: is missing; put what the agent gets into"):
        load(tmp_path)


def test_a_link_out_of_a_task_is_refused(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t")
    (folder / "workspace/out").symlink_to("/etc/passwd")
    with pytest.raises(TaskError, match="leads out of the task"):
        load(folder)


def test_a_task_is_found_by_path_and_a_wrong_name_gets_a_hint(tmp_path: Path) -> None:
    assert find(str(write_task(tmp_path / "t"))).id == "made"
    assert find(str(tmp_path / "t/task.toml")).id == "made"
    with pytest.raises(TaskError, match="there is no task nowhere/at-all"):
        find("nowhere/at-all")


def test_shipped_tasks_are_found_with_and_without_their_family() -> None:
    for task in shipped():
        assert find(task.id) == find(f"{task.family}/{task.id}") == task

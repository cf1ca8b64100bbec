"""Every task that is shipped is right: untouched it fails, and solved it passes."""

from __future__ import annotations

from collections import Counter

import pytest

from spanscore.instrumentation.tasks import Task, load, shipped
from spanscore.instrumentation.tasks.check import check
from tests.support.backends import BareBackend
from tests.support.made_task import VERIFY, write_files, write_task

TASKS = shipped()


def needs_node(task: Task) -> bool:
    commands = [task.verification.command, *(case.command for case in task.verification.cases)]
    return any(command[:1] == ("node",) for command in commands)


def named(tasks: list[Task]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("task", tasks, ids=lambda task: task.id)


@named([task for task in TASKS if not needs_node(task)])
def test_a_shipped_task_fails_untouched_and_passes_solved(task: Task) -> None:
    assert check(task, BareBackend(), None).problems == ()


@pytest.mark.agents
@named([task for task in TASKS if needs_node(task)])
def test_a_shipped_task_for_node_fails_untouched_and_passes_solved(task: Task) -> None:
    assert check(task, BareBackend(), None).problems == ()


@named(TASKS)
def test_a_shipped_task_has_the_name_of_its_folder_and_the_family_of_the_one_above(
    task: Task,
) -> None:
    assert (task.family, task.id) == (task.folder.parent.name, task.folder.name)
    assert task.files
    assert all((task.workspace / name).is_file() for name in task.files)
    assert task.timeout_s <= 600


def test_there_are_tasks_of_every_family_and_one_for_every_outcome() -> None:
    families = Counter(task.family for task in TASKS)
    assert families.keys() == {"mutations", "integrity", "polyglot", "outcomes"}
    assert families["mutations"] + families["integrity"] + families["polyglot"] >= 12
    ends = {task.id for task in TASKS if task.family == "outcomes"}
    assert ends >= {
        *("outcome-passes", "outcome-fails", "outcome-touches-forbidden"),
        *("outcome-times-out", "outcome-out-of-memory"),
    }
    assert all(task.script for task in TASKS if task.family == "outcomes")
    assert all(task.refusal for task in TASKS if task.family == "integrity")


@pytest.mark.parametrize(
    ("more", "workspace", "says"),
    [
        (VERIFY, {"a": ""}, "the untouched workspace passes"),
        (VERIFY.replace("true", "false"), {"a": ""}, "there is no solution/"),
        ('[verify]\ncommand = ["sh", "a"]\ntimeout_s = 0.3', {"a": "sleep 9"}, "hang"),
        (
            '[verify]\ncommand = ["sh", "-c", "echo not ok > {report}; false"]\n'
            'fail_to_pass = ["new"]\npass_to_pass = ["old"]',
            {"a": ""},
            "1 of pass_to_pass fail on the untouched workspace",
        ),
        (
            '[verify]\ncommand = ["sh", "-c", "echo ok 1 - new > {report}; false"]\n'
            'fail_to_pass = ["new"]',
            {"a": ""},
            "1 of fail_to_pass pass on the untouched workspace",
        ),
    ],
)
def test_what_is_wrong_with_a_task_is_found(
    tmp_path_factory: pytest.TempPathFactory, more: str, workspace: dict[str, str], says: str
) -> None:
    task = load(write_task(tmp_path_factory.mktemp("task"), more, workspace))
    problems = check(task, BareBackend(), None).problems
    assert any(says in problem for problem in problems), problems


def test_a_solution_that_does_not_pass_is_shown_with_its_output(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    more = '[verify]\ncommand = ["sh", "a"]'
    folder = write_task(tmp_path_factory.mktemp("task"), more, {"a": "exit 1"})
    write_files(folder / "solution", {"a": "echo not this either; exit 2"})
    [problem] = check(load(folder), BareBackend(), None).problems
    assert problem == "the solution does not pass (failure): not this either"

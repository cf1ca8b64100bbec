"""Checks a task itself: untouched it must not pass, and solved it must."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from ..container import Backend
from ..verify import Status, Verdict, verify
from ..workspace import Diff, compare, copy, lay_over, snapshot
from .task import Task


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a task found; without problems the task is right as far as it was checked."""

    task: Task
    problems: tuple[str, ...]
    untouched: Verdict
    solved: Verdict | None
    """None without a solution and without a reference refusal."""


def check(task: Task, backend: Backend, image: str | None) -> Checked:
    """Judge the untouched workspace, and the solved one where the task has a solution.

    Raises VerifyError when the verifier cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="spanscore-check-") as scratch:
        untouched = _judge(task, backend, image, Path(scratch) / "untouched", None)
        solved = None
        if task.solution.is_dir() or (task.refusal and task.refusal.reference):
            answer = Path(scratch) / "answer"
            answer.write_text(task.refusal.reference or "" if task.refusal else "")
            solved = _judge(task, backend, image, Path(scratch) / "solved", answer)
    problems = [*_of_untouched(task, untouched), *_of_solved(solved)]
    return Checked(task, tuple(problems), untouched, solved)


def _judge(
    task: Task, backend: Backend, image: str | None, folder: Path, answer: Path | None
) -> Verdict:
    """The verdict on the workspace as it is (without an answer) or with the solution in it."""
    copy(task.workspace, folder)
    before = snapshot(folder)
    if answer is not None and task.solution.is_dir():
        lay_over(task.solution, folder)
    diff = Diff() if answer is None else compare(before, snapshot(folder), task)
    never = threading.Event()
    return verify(backend, image, task, folder, diff=diff, agent_stdout=answer, cancelled=never)


def _of_untouched(task: Task, verdict: Verdict) -> list[str]:
    problems = []
    if verdict.status is Status.SUCCESS:
        problems.append("the untouched workspace passes: nothing is asked of the agent")
    if verdict.status is Status.TIMED_OUT:
        problems.append("the tests hang on the untouched workspace")
    passing = len(task.verification.fail_to_pass) - (verdict.target_failed or 0)
    if task.verification.fail_to_pass and verdict.target_failed is not None and passing:
        problems.append(f"{passing} of fail_to_pass pass on the untouched workspace")
    if verdict.tests_regressed:
        problems.append(
            f"{verdict.tests_regressed} of pass_to_pass fail on the untouched workspace"
        )
    if task.refusal is not None and verdict.tests_failed:
        problems.append(f"{verdict.tests_failed} tests fail where nothing is to be changed")
    return problems


def _of_solved(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["there is no solution/ and no refusal.reference to check it by"]
    if verdict.status is Status.SUCCESS:
        return []
    said = (verdict.stdout_tail + verdict.stderr_tail).strip()
    return [f"the solution does not pass ({verdict.status}): {said[-1000:]}"]

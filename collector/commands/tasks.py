"""`spanscore tasks`: prints tasks, all or one in full, and what a check of them found."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import orjson
import pyarrow as pa
from rich.console import Console

from spanscore.instrumentation.container import Backend
from spanscore.instrumentation.container.docker import DockerBackend
from spanscore.instrumentation.container.process import ProcessBackend
from spanscore.instrumentation.tasks import Task, TaskError, find, shipped
from spanscore.instrumentation.tasks.check import check as check_task
from spanscore.instrumentation.verify import VerifyError

from ..config import ConfigError
from ..output import write_result
from ..store.query import QueryResult
from ..table import visible

Form = Literal["table", "json"]


def list_tasks(family: str | None, form: Form) -> None:
    """The shipped tasks, a row each. Raises ConfigError for a family that there is not."""
    tasks = shipped()
    families = sorted({task.family for task in tasks})
    if family is not None and family not in families:
        raise ConfigError(f"--family: no task is of {family!r}; there are {', '.join(families)}")
    rows = [_row(task) for task in tasks if family in (None, task.family)]
    if form == "json":
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = pa.Table.from_pylist(rows).select(["task", "family", "timeout_s", "judged_by"])
    write_result(QueryResult(table.schema, table.to_batches()), "table", sys.stdout)


def show_task(task: Task, form: Form) -> None:
    """One task, with all that it says but its hidden tests."""
    if form == "json":
        print(orjson.dumps({**_row(task), **_more(task)}, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for title, lines in _sections(task):
        console.print(title, style="bold")
        for line in lines:
            console.print(f"  {visible(line)}")


def check_tasks(names: Sequence[str], image: str | None, form: Form) -> int:
    """Check tasks and print what was found, each as it is known; 1 if one is not right."""
    backend = backend_for(image)
    rows: list[dict[str, Any]] = []
    for name in names or [task.id for task in shipped()]:
        row = _checked(name, backend, image)
        rows.append(row)
        if form == "table":
            print(f"{'right' if not row['problems'] else 'wrong':<6} {row['task']}", flush=True)
            for problem in row["problems"]:
                print("\n".join(f"       {visible(line)}" for line in problem.splitlines()))
    if form == "json":
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    return int(any(row["problems"] for row in rows))


def backend_for(image: str | None) -> Backend:
    """Containers of an image, else this machine, which is said. Raises BackendError."""
    if image is not None:
        backend = DockerBackend()
        backend.image(image)
        return backend
    print(
        "spanscore: without --image the commands run on this machine, with all that you may do",
        file=sys.stderr,
    )
    return ProcessBackend()


def _checked(name: str, backend: Backend, image: str | None) -> dict[str, Any]:
    try:
        task = find(name)
        found = check_task(task, backend, image)
    except (TaskError, VerifyError) as error:
        return {"task": name, "problems": [str(error)], "untouched": None, "solved": None}
    return {
        "task": task.id,
        "problems": list(found.problems),
        "untouched": found.untouched.status.value,
        "solved": found.solved.status.value if found.solved else None,
    }


def _row(task: Task) -> dict[str, Any]:
    verification = task.verification
    count = len(verification.cases)
    judged = f"{count} case{'s' * (count > 1)}" if count else shlex.join(verification.command[:2])
    if task.refusal is not None:
        judged = f"a refusal, {judged}" if judged else "a refusal"
    return {
        "task": task.id,
        "family": task.family,
        "version": task.version,
        "timeout_s": task.timeout_s,
        "judged_by": judged,
        "prompt": task.prompt,
    }


def _more(task: Task) -> dict[str, Any]:
    return {
        "files": list(task.files),
        "expected": list(task.expected),
        "forbidden": list(task.forbidden),
        "image": task.image,
        "memory_limit_bytes": task.memory_limit_bytes,
        "verify_timeout_s": task.verification.timeout_s,
        "build": list(task.verification.build) or None,
        "command": list(task.verification.command) or None,
        "cases": [case.name for case in task.verification.cases],
        "fail_to_pass": list(task.verification.fail_to_pass),
        "pass_to_pass": list(task.verification.pass_to_pass),
        "refusal_keywords": list(task.refusal.keywords) if task.refusal else None,
        "has_solution": task.solution.is_dir(),
        "has_script": task.script is not None,
        "folder": str(task.folder),
    }


def _sections(task: Task) -> Iterator[tuple[str, list[str]]]:
    verification = task.verification
    yield f"{task.id} ({task.family}, {task.version})", [f"within {task.timeout_s:g} s"]
    yield "prompt", task.prompt.splitlines()
    changes = [f"expected   {', '.join(task.expected) or 'nothing'}"]
    if task.forbidden:
        changes.append(f"forbidden  {', '.join(task.forbidden)}")
    yield "what may change", changes
    judged = [shlex.join(words) for words in (verification.build, verification.command) if words]
    judged += [f"case       {case.name}" for case in verification.cases]
    if task.refusal is not None:
        judged += ["a refusal that names"]
        judged += [f"  {keyword.replace('|', ' or ')}" for keyword in task.refusal.keywords]
    yield f"judged within {verification.timeout_s:g} s by", judged
    if task.script is not None:
        yield "scripted model", [step.command or step.text for step in task.script.steps]
    yield "folder", [str(task.folder)]

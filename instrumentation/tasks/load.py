"""Reads a task's folder and checks it; every error names the file, the key and the fix."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..patterns import CACHES, PatternError, compile_patterns
from ..scripted.script import Fault, Script, Step, Usage
from .file import ScriptedTable, TaskFile, VerifyTable
from .task import Case, Refusal, Task, Verification

SHIPPED = Path(__file__).parent / "shipped"
"""family/name, each a task."""


class TaskError(Exception):
    """A task that is not there or not right; the message names the file, the key and the fix."""


def shipped() -> list[Task]:
    """The tasks that come with spanscore, by family and name."""
    return [load(file.parent) for file in sorted(SHIPPED.glob("*/*/task.toml"))]


def find(name_or_path: str) -> Task:
    """A shipped task by its id, with or without `family/` before it, else a folder by its path.

    Raises TaskError, with the nearest names where there is none such.
    """
    known = {file.parent.name: file.parent for file in SHIPPED.glob("*/*/task.toml")}
    family, _, name = name_or_path.rpartition("/")
    if name in known and family in ("", known[name].parent.name):
        return load(known[name])
    if Path(name_or_path).exists():
        return load(Path(name_or_path))
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`spanscore tasks` lists them"
    raise TaskError(f"there is no task {name_or_path}, and no such folder; {hint}")


def load(folder: Path) -> Task:
    """The task in `folder`; a path to its task.toml does as well. Raises TaskError."""
    file = folder if folder.name == "task.toml" else folder / "task.toml"
    written = _read(file)
    _check_folder(file.parent)
    for key in ("expected", "forbidden"):
        _check_patterns(file, key, getattr(written, key))
    return Task(
        id=written.id,
        family=written.family,
        version=written.version or content_hash(file.parent),
        prompt=written.prompt.strip(),
        timeout_s=written.timeout_s,
        expected=written.expected,
        forbidden=written.forbidden,
        files=written.files,
        verification=_verification(written.verify),
        image=written.image,
        memory_limit_bytes=None if written.memory is None else int(written.memory),
        refusal=None if written.refusal is None else Refusal(**written.refusal.model_dump()),
        script=None if written.scripted is None else _script(written.scripted),
        folder=file.parent.resolve(),
    )


def content_hash(folder: Path) -> str:
    """A version for a task without one: a hash over the names and bytes of all its files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not CACHES.intersection(name.parts):
            total.update(f"{name.as_posix()}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{total.hexdigest()[:16]}"


def _read(file: Path) -> TaskFile:
    try:
        return TaskFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise TaskError(f"{file}: there is no such file; a task is a folder with one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{file}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{file}: is not TOML: {error}") from error
    except ValidationError as error:
        lines = [_problem(file, detail) for detail in error.errors()]
        raise TaskError("\n".join(lines)) from error


def _problem(file: Path, detail: ErrorDetails) -> str:
    """One line: the file, the key, what is wrong with it and what to do."""
    key = _key(detail["loc"])
    kind = detail["type"]
    if kind == "missing":
        return f"{file}: {key}: is missing; add it"
    if kind == "extra_forbidden":
        name = str(detail["loc"][-1])
        near = difflib.get_close_matches(name, _keys_beside(detail["loc"]), n=1)
        fix = f"did you mean {near[0]}?" if near else f"known are {_listed(detail['loc'])}"
        return f"{file}: {key}: there is no such key; {fix}"
    if kind == "value_error":
        return f"{file}: {key}: {detail['msg'].removeprefix('Value error, ')}"
    return f"{file}: {key}: {detail['msg'][:1].lower()}{detail['msg'][1:]}, not {detail['input']!r}"


def _key(place: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.lstrip(".") or "task.toml"


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    table: type[BaseModel] = TaskFile
    for part in place[:-1]:
        if isinstance(part, str):
            table = _TABLES[(table.__name__, part)]
    return sorted(table.model_fields)


def _listed(place: tuple[int | str, ...]) -> str:
    return ", ".join(_keys_beside(place))


def _tables(table: type[BaseModel]) -> dict[tuple[str, str], type[BaseModel]]:
    """Which table is under which key, from the models themselves."""
    found: dict[tuple[str, str], type[BaseModel]] = {}
    for name, field in table.model_fields.items():
        for inner in _models_in(field.annotation):
            found |= {(table.__name__, name): inner, **_tables(inner)}
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


_TABLES = _tables(TaskFile)


def _check_folder(folder: Path) -> None:
    workspace = folder / "workspace"
    if not workspace.is_dir():
        raise TaskError(f"{workspace}: is missing; put what the agent gets into this folder")
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise TaskError(f"{path}: leads out of the task; copy into it what it leads to")


def _check_patterns(file: Path, key: str, patterns: tuple[str, ...]) -> None:
    try:
        compile_patterns(patterns)
    except PatternError as error:
        raise TaskError(f"{file}: {key}: {error}") from error


def _verification(written: VerifyTable) -> Verification:
    return Verification(
        command=written.command or (),
        cases=tuple(Case(**case.model_dump()) for case in written.cases),
        build=written.build or (),
        timeout_s=written.timeout_s,
        fail_to_pass=written.fail_to_pass,
        pass_to_pass=written.pass_to_pass,
    )


def _script(written: ScriptedTable) -> Script:
    steps = tuple(
        Step(Usage(step.input_tokens, step.output_tokens), step.text, step.command)
        for step in written.steps
    )
    fault = None if written.fault is None else Fault(**written.fault.model_dump())
    return Script(steps, fault, written.delay_s)

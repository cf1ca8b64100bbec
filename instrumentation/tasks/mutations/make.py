"""Makes mutation tasks from a library's sdist: kept are those that its own tests notice."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from ...container import Backend
from ...patterns import compile_patterns
from ...verify.bench import Bench
from ...verify.report import Report, ReportError, read_report
from ...verify.tests import tail
from ..load import TaskError
from ..task import Task, Verification
from .manifest import Made, Manifest, read_manifest, toml_text, write_manifest
from .mutate import Mutation, mutations
from .sdist import Sdist, take_out

TESTS = (
    "test_*.py", "*_test.py", "tests.py", "conftest.py", "test/", "tests/", "testing/",
    "pytest.ini", "tox.ini", "setup.cfg", "setup.py", "noxfile.py", "docs/", "doc/", "examples/",
    "benchmarks/", "bench/",
)  # fmt: skip
"""What is no part of a library: never changed, and an agent may not change it either."""

TIMEOUT_S = 120.0
MANIFEST = "mutations.json"

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - .*)?$", re.M)
_OUTPUT_CHARACTERS = 1 << 20

_TESTS_FAILED = 1
"""pytest's exit code when all tests ran and some failed."""

Told = Callable[[int, int, Mutation], None]
"""Called before a mutation is tried: how many are kept, how many were tried, and which is next."""


def make(
    file: Path,
    out: Path,
    backend: Backend,
    *,
    count: int,
    seed: int,
    image: str | None = None,
    tests: Sequence[str] = (),
    cancelled: threading.Event | None = None,
    told: Told | None = None,
) -> Manifest:
    """Make at most `count` tasks below `out`, with the manifest beside them.

    The same sdist, seed, and versions of Python and pytest give the same tasks. Runs the library
    and its tests, a mutation after the other. Raises TaskError, VerifyError.
    """
    if image is None and find_spec("pytest") is None:
        raise TaskError("the tests of a library are run by pytest; `pip install pytest`")
    with _taken_out(file) as sdist:
        _check_free(out, [_name(sdist.library, number) for number in range(1, count + 1)])
        bench = _Tests(backend, image, sdist, tuple(tests), cancelled or threading.Event())
        bench, passing = bench.passing()
        candidates = _candidates(sdist.folder)
        random.Random(seed).shuffle(candidates)
        made: list[Made] = []
        for tried, mutation in enumerate(candidates):
            if len(made) == count or bench.cancelled.is_set():
                break
            if told is not None:
                told(len(made), tried, mutation)
            failing = bench.failing(mutation, passing)
            if failing:
                name = _name(sdist.library, len(made) + 1)
                made.append(Made(name, mutation, tuple(sorted(failing))))
        manifest = Manifest(
            sdist.library,
            sdist.version,
            sdist.sha256,
            seed,
            bench.tests,
            tuple(sorted(passing)),
            tuple(made),
        )
        _write(manifest, sdist, out)
    return manifest


def make_again(file: Path, manifest_file: Path, out: Path) -> Manifest:
    """Make the tasks of a manifest from its sdist, without running a test. Raises TaskError."""
    manifest = read_manifest(manifest_file)
    with _taken_out(file) as sdist:
        if sdist.sha256 != manifest.sdist_sha256:
            raise TaskError(
                f"{file}: is not the sdist of {manifest_file}; that is {manifest.library} "
                f"{manifest.version} with sha256 {manifest.sdist_sha256}"
            )
        _check_free(out, [made.id for made in manifest.made])
        _write(manifest, sdist, out)
    return manifest


def _name(library: str, number: int) -> str:
    return f"{library}-{number:02d}"


def _check_free(out: Path, names: Sequence[str]) -> None:
    """That nothing is in the way of these tasks, before the work of an hour is done for them."""
    for folder in (out / name for name in names):
        if folder.exists():
            raise TaskError(f"{folder}: is there already; remove it, or choose another --out")


@contextmanager
def _taken_out(file: Path) -> Iterator[Sdist]:
    with tempfile.TemporaryDirectory(prefix="spanscore-sdist-") as scratch:
        yield take_out(file, Path(scratch).resolve())


def _candidates(folder: Path) -> list[Mutation]:
    """Every mutation of every file of the library itself, in the order of their names."""
    tests = compile_patterns(TESTS)
    found: list[Mutation] = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if tests.match_file(name):
            continue
        try:
            found += mutations(name, path.read_bytes().decode())
        except UnicodeDecodeError:
            continue  # of another encoding: there are others to choose from
    return found


def _command(tests: Sequence[str]) -> tuple[str, ...]:
    """pytest without plugins and without the library's configuration, which may ask for some."""
    return (
        *("env", "PYTHONPATH=src:.", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"),
        *("python3", "-m", "pytest", "-q", "-rfE", "--tb=line", "-c", "/dev/null", "--rootdir=."),
        *("-p", "no:cacheprovider", "--junitxml={report}", *tests),
    )


@dataclass(frozen=True, slots=True)
class _Result:
    exit_code: int | None
    report: Report
    output: str


@dataclass(frozen=True, slots=True)
class _Tests:
    """Runs a library's tests, each time in a fresh copy of it."""

    backend: Backend
    image: str | None
    sdist: Sdist
    tests: tuple[str, ...]
    cancelled: threading.Event

    def passing(self) -> tuple[Self, set[str]]:
        """The tests that pass in the library as it is; those that do not are run no more.

        Raises TaskError if none passes.
        """
        result = self._run(self.sdist.folder)
        tests = self
        if result.exit_code == _TESTS_FAILED:
            left_out = [f"--deselect={test}" for test in _FAILED.findall(result.output)]
            tests = replace(self, tests=(*self.tests, *left_out))
            result = tests._run(self.sdist.folder)
        if self.cancelled.is_set():
            raise KeyboardInterrupt
        if result.exit_code != 0 or not result.report:
            raise TaskError(
                f"the tests of {self.sdist.library} {self.sdist.version} do not run as it is; "
                "install what they need, or say with --tests which to run\n"
                f"{result.output[-1500:].strip()}"
            )
        return tests, set(result.report)

    def failing(self, mutation: Mutation, passing: set[str]) -> set[str]:
        """The tests that fail with a mutation; none if they hang or cannot even be collected."""
        with tempfile.TemporaryDirectory(prefix="spanscore-mutation-") as scratch:
            folder = Path(scratch) / "library"
            shutil.copytree(self.sdist.folder, folder)
            _change(folder, mutation)
            result = self._run(folder)
        if result.exit_code != _TESTS_FAILED or not result.report:
            return set()
        return {name for name in passing if not result.report.get(name, False)}

    def _run(self, folder: Path) -> _Result:
        command = _command(self.tests)
        task = _task_of(folder, command)
        with tempfile.TemporaryDirectory(prefix="spanscore-tests-") as scratch:
            bench = Bench(self.backend, self.image, task, Path(scratch).resolve(), self.cancelled)
            bench.take(folder)
            ran = bench.run(command)
            output = tail(ran.stdout, _OUTPUT_CHARACTERS) + tail(ran.stderr)
            try:
                report = read_report(bench.report) or {}
            except ReportError as error:  # a mutation may make a library print anything
                report, output = {}, f"{output}\n{error}"
            return _Result(ran.ended.exit_code, report, output)


def _task_of(folder: Path, command: tuple[str, ...]) -> Task:
    """What a bench needs to know."""
    return Task(
        id=folder.name,
        family="mutations",
        version="0",
        prompt="",
        timeout_s=0,
        expected=(),
        forbidden=(),
        files=(),
        verification=Verification(command, timeout_s=TIMEOUT_S),
        image=None,
        memory_limit_bytes=None,
        refusal=None,
        script=None,
        folder=folder,
    )


def _change(folder: Path, mutation: Mutation) -> None:
    file = folder / mutation.path
    file.write_bytes(mutation.apply(file.read_text(encoding="utf-8")).encode())


def _write(manifest: Manifest, sdist: Sdist, out: Path) -> None:
    """Write the tasks, then the manifest: it is there only when they are."""
    out.mkdir(parents=True, exist_ok=True)
    for made in manifest.made:
        folder = out / made.id
        shutil.copytree(sdist.folder, folder / "workspace")
        original = folder / "solution" / made.mutation.path
        original.parent.mkdir(parents=True)
        shutil.copyfile(sdist.folder / made.mutation.path, original)
        _change(folder / "workspace", made.mutation)
        (folder / "task.toml").write_text(_task_toml(manifest, made), encoding="utf-8")
    write_manifest(manifest, out / MANIFEST)


def _task_toml(manifest: Manifest, made: Made) -> str:
    passing = sorted({*manifest.passing} - {*made.fail_to_pass})
    prompt = (
        f"Since a change to {manifest.library} {manifest.version} some of its tests fail. Find the "
        "defect in the library and repair it. Change as little as possible, and leave the tests as "
        "they are."
    )
    facts = {
        "id": made.id,
        "family": "mutations",
        "prompt": prompt,
        "expected": [f"/{made.mutation.path}"],
        "forbidden": list(TESTS),
    }
    verify = {
        "command": list(_command(manifest.tests)),
        "timeout_s": TIMEOUT_S,
        "fail_to_pass": list(made.fail_to_pass),
        "pass_to_pass": passing,
    }
    lines = [f"{key} = {toml_text(value)}" for key, value in facts.items()]
    lines += ["", "[verify]", *(f"{key} = {toml_text(value)}" for key, value in verify.items())]
    return "\n".join(lines) + "\n"

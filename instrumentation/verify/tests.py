"""Runs a task's tests and counts them: cases by their output, a command by its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..tasks.task import Case, Verification
from .bench import Bench, Ran
from .report import Report, ReportError, read_report
from .verdict import Status, Verdict

TAIL_CHARACTERS = 4000
_CASE_BYTES = 1 << 20


def run_tests(bench: Bench) -> Verdict:
    """Build, then run the tests. Raises VerifyError when a command cannot start."""
    verification = bench.task.verification
    built: bool | None = None
    if verification.build:
        ran = bench.run(verification.build)
        built = ran.ended.exit_code == 0
        if not built:
            verdict = _of_command(ran)
            failed = verdict.status is Status.FAILURE
            return replace(verdict, build_failed=True if failed else None)
    if verification.cases:
        verdict = _run_cases(bench)
    elif verification.command:
        verdict = _run_command(bench)
    else:
        verdict = Verdict(Status.SUCCESS)
    return replace(verdict, build_failed=None if built is None else False)


def tail(file: Path, characters: int = TAIL_CHARACTERS) -> str:
    """The end of a text file, as it fits an attribute."""
    size = file.stat().st_size if file.exists() else 0
    if not size:
        return ""
    with file.open("rb") as source:
        source.seek(max(size - 4 * characters, 0))
        return source.read().decode(errors="replace")[-characters:]


def _of_command(ran: Ran) -> Verdict:
    """The verdict by the exit code alone."""
    if ran.ended.cancelled:
        status = Status.ABORTED
    elif ran.ended.timed_out:
        status = Status.TIMED_OUT
    else:
        status = Status.SUCCESS if ran.ended.exit_code == 0 else Status.FAILURE
    return Verdict(
        status,
        exit_code=ran.ended.exit_code,
        stdout_tail=tail(ran.stdout),
        stderr_tail=tail(ran.stderr),
    )


def _run_command(bench: Bench) -> Verdict:
    verification = bench.task.verification
    verdict = _of_command(bench.run(verification.command))
    try:
        report = read_report(bench.report)
    except ReportError as error:
        return _noted(replace(verdict, status=_worse(verdict.status)), str(error))
    if report is None:
        if verification.fail_to_pass or verification.pass_to_pass:
            verdict = replace(verdict, status=_worse(verdict.status))
            return _noted(verdict, "the command wrote no report, so no test is known to pass")
        return verdict
    return _counted(verdict, report, verification)


def _run_cases(bench: Bench) -> Verdict:
    """Each case in a container of its own; what it must print stays outside."""
    report: Report = {}
    lines = [f"1..{len(bench.task.verification.cases)}"]
    status = Status.SUCCESS
    for number, case in enumerate(bench.task.verification.cases, 1):
        ran = bench.run(case.command)
        if ran.ended.cancelled or ran.ended.timed_out:
            status = Status.ABORTED if ran.ended.cancelled else Status.TIMED_OUT
            lines.append(f"not ok {number} - {case.name} # did not end in time")
            break
        report[case.name] = passed = _passes(case, ran)
        lines.append(f"{'ok' if passed else 'not ok'} {number} - {case.name}")
        if not passed:
            status = Status.FAILURE
            lines += _differences(case, ran)
    names = {case.name: False for case in bench.task.verification.cases}
    codes = {Status.SUCCESS: 0, Status.FAILURE: 1}
    verdict = Verdict(
        status,
        exit_code=codes.get(status),
        stdout_tail="\n".join(lines)[-TAIL_CHARACTERS:],
    )
    return _counted(verdict, names | report, bench.task.verification)


def _passes(case: Case, ran: Ran) -> bool:
    return ran.ended.exit_code == case.exit_code and _printed(ran.stdout) == case.stdout.strip()


def _printed(file: Path) -> str:
    with file.open("rb") as source:
        return source.read(_CASE_BYTES).decode(errors="replace").strip()


def _differences(case: Case, ran: Ran) -> list[str]:
    """What a failed case printed beside what it had to, as TAP diagnostics."""
    facts = {
        "printed": _printed(ran.stdout)[:300],
        "expected": case.stdout.strip()[:300],
        "exit code": str(ran.ended.exit_code),
        "error output": tail(ran.stderr)[-300:].strip(),
    }
    return [f"# {name}: {line}" for name, text in facts.items() for line in text.splitlines()]


def _counted(verdict: Verdict, report: Report, verification: Verification) -> Verdict:
    """The verdict with its tests counted; a test that is named and not reported has failed."""
    named = {*verification.fail_to_pass, *verification.pass_to_pass}
    results = dict.fromkeys(named, False) | report
    failed = {name for name, passed in results.items() if not passed}
    target, guards = _sides(verification, results)
    worse = bool(failed) and verdict.status is Status.SUCCESS
    counted = target or set(results)
    return replace(
        verdict,
        status=Status.FAILURE if worse else verdict.status,
        tests_passed=len(results) - len(failed),
        tests_failed=len(failed),
        target_failed=len(failed & target) if target else None,
        tests_regressed=len(failed & guards) if guards else None,
        partial_score=len(counted - failed) / len(counted) if counted else None,
    )


def _sides(verification: Verification, results: Report) -> tuple[set[str], set[str]]:
    """The tests of the target, and those that passed before. Of cases, the rest is the other."""
    target, guards = {*verification.fail_to_pass}, {*verification.pass_to_pass}
    if verification.cases and not target:
        target = set(results) - guards
    elif verification.cases and not guards:
        guards = set(results) - target
    return target, guards


def _worse(status: Status) -> Status:
    return Status.FAILURE if status is Status.SUCCESS else status


def _noted(verdict: Verdict, note: str) -> Verdict:
    return replace(verdict, stderr_tail=f"{verdict.stderr_tail}\nspanscore: {note}\n".lstrip())

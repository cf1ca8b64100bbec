"""A verdict is what the hidden tests say of a copy, and nothing that an agent left forges it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from spanscore.instrumentation.tasks import Task
from spanscore.instrumentation.verify import Status, Verdict, VerifyError, verify
from spanscore.instrumentation.workspace import Diff, snapshot
from tests.support.backends import BareBackend
from tests.support.made_task import made_task, write_files

ADD = {"calc.sh": 'echo "$(($1 + $2))"\n'}
CASES = """
[verify]
fail_to_pass = ["adds"]
[[verify.cases]]
name = "adds"
command = ["sh", "calc.sh", "2", "3"]
stdout = "5"
[[verify.cases]]
name = "adds nothing"
command = ["sh", "calc.sh", "0", "0"]
stdout = "0"
"""


def judged(
    task: Task,
    files: Mapping[str, str] | None,
    tmp_path: Path,
    backend: BareBackend | None = None,
    **more: object,
) -> Verdict:
    """The verdict on a workspace with these files; without any on the task's own."""
    left = task.workspace if files is None else write_files(tmp_path / "left", files)
    given: dict[str, object] = {"diff": Diff(), "agent_stdout": None}
    given |= {"cancelled": threading.Event()} | more
    return verify(backend or BareBackend(), None, task, left, **given)  # type: ignore[arg-type]  # by name


def reporting(lines: str, exit_code: int = 0) -> str:
    """A verify command that writes these lines as its report."""
    script = f"printf '{lines}' > {{report}}; exit {exit_code}"
    return f"""[verify]
command = ["sh", "-c", {script!r}]
fail_to_pass = ["new"]
pass_to_pass = ["old"]
"""


def test_cases_pass_when_each_prints_what_it_must(tmp_path: Path) -> None:
    verdict = judged(made_task(tmp_path / "task", CASES), ADD, tmp_path)
    assert (verdict.status, verdict.exit_code, verdict.partial_score) == ("success", 0, 1.0)
    assert (verdict.tests_passed, verdict.tests_failed) == (2, 0)
    assert verdict.stdout_tail.splitlines() == ["1..2", "ok 1 - adds", "ok 2 - adds nothing"]


def test_a_case_of_the_target_that_fails_is_no_regression(tmp_path: Path) -> None:
    verdict = judged(made_task(tmp_path / "task", CASES), {"calc.sh": "echo 0"}, tmp_path)
    assert verdict.status is Status.FAILURE
    assert (verdict.target_failed, verdict.tests_regressed, verdict.partial_score) == (1, 0, 0.0)
    assert "# printed: 0\n# expected: 5" in verdict.stdout_tail


def test_a_case_that_passed_before_and_fails_is_a_regression(tmp_path: Path) -> None:
    verdict = judged(made_task(tmp_path / "task", CASES), {"calc.sh": "echo 5"}, tmp_path)
    assert (verdict.target_failed, verdict.tests_regressed) == (0, 1)
    assert verdict.status is Status.FAILURE


def test_what_a_case_must_print_is_nowhere_in_what_it_can_read(tmp_path: Path) -> None:
    seen = "(env; cat /proc/$$/cmdline; grep -rh . ..) 2>&1"
    spy = f"{seen} | grep -q 'hidden [a]nswer' && echo found"
    task = made_task(tmp_path / "task", CASES.replace('"5"', '"hidden answer"'))
    verdict = judged(task, {"calc.sh": f"{spy} || echo nothing"}, tmp_path)
    assert "# printed: nothing\n# expected: hidden answer" in verdict.stdout_tail


def test_a_report_counts_targets_and_regressions(tmp_path: Path) -> None:
    lines = "not ok 1 - new\\nok 2 - old\\nok 3 - other\\n"
    verdict = judged(made_task(tmp_path / "task", reporting(lines, 1)), None, tmp_path)
    assert (verdict.tests_passed, verdict.tests_failed, verdict.target_failed) == (2, 1, 1)
    assert (verdict.tests_regressed, verdict.exit_code) == (0, 1)


def test_exit_code_0_is_no_pass_when_a_test_is_missing_from_the_report(tmp_path: Path) -> None:
    task = made_task(tmp_path / "task", reporting("ok 1 - new\\n"))
    verdict = judged(task, None, tmp_path)
    assert (verdict.status, verdict.exit_code) == (Status.FAILURE, 0)
    assert verdict.tests_regressed == 1


def test_exit_code_0_without_a_report_is_no_pass_where_tests_are_named(tmp_path: Path) -> None:
    verdict = judged(made_task(tmp_path / "task", reporting("")), None, tmp_path)
    assert verdict.status is Status.FAILURE
    assert "wrote no report" in verdict.stderr_tail


def test_a_report_that_the_agent_left_is_not_read(tmp_path: Path) -> None:
    """It may lie at any name in the workspace: the folder of the report is not in it."""
    task = made_task(tmp_path / "task", reporting("ok 1 - old\\nnot ok 2 - new\\n"))
    forged = {"report": "ok 1 - new\n", "report/report": "ok 1 - new\nok 2 - old\n"}
    for name, text in forged.items():
        verdict = judged(task, {name: text}, tmp_path / name.replace("/", "-"))
        assert verdict.target_failed == 1


def test_without_a_report_the_exit_code_decides_and_nothing_is_counted(tmp_path: Path) -> None:
    task = made_task(tmp_path / "task", '[verify]\ncommand = ["sh", "check.sh"]')
    good = judged(task, {"check.sh": "exit 0"}, tmp_path)
    bad = judged(task, {"check.sh": "exit 3"}, tmp_path)
    assert (good.status, bad.status, bad.exit_code) == (Status.SUCCESS, Status.FAILURE, 3)
    assert (bad.tests_failed, bad.partial_score, bad.build_failed) == (None, None, None)


def test_hidden_tests_replace_what_the_agent_put_in_their_place(tmp_path: Path) -> None:
    task = made_task(
        tmp_path / "task",
        '[verify]\ncommand = ["sh", "tests/check.sh"]',
        tests={"tests/check.sh": "test -e done"},
    )
    forged = {"tests/check.sh": "exit 0"}
    assert judged(task, forged, tmp_path).status is Status.FAILURE
    assert judged(task, {**forged, "done": ""}, tmp_path).status is Status.SUCCESS


def test_forbidden_files_are_put_back_before_the_tests_run(tmp_path: Path) -> None:
    task = made_task(
        tmp_path / "task",
        'forbidden = ["tests/", "conf"]\n[verify]\ncommand = ["sh", "tests/check.sh"]',
        workspace={"tests/check.sh": "test ! -e tests/extra && grep strict conf", "conf": "strict"},
    )
    assert judged(task, {"tests/extra": "", "conf": "lax"}, tmp_path).status is Status.SUCCESS


def test_a_build_that_fails_is_told_and_no_test_runs(tmp_path: Path) -> None:
    task = made_task(
        tmp_path / "task", CASES.replace("[verify]", '[verify]\nbuild = ["sh", "-n", "calc.sh"]')
    )
    backend = BareBackend()
    verdict = judged(task, {"calc.sh": "if"}, tmp_path, backend)
    assert (verdict.status, verdict.build_failed) == (Status.FAILURE, True)
    assert len(backend.specs) == 1
    assert judged(task, ADD, tmp_path).build_failed is False


@pytest.mark.parametrize(("untouched", "hangs"), [("sleep 60", True), ("exit 1", False)])
def test_tests_that_hang_are_tried_on_the_untouched_workspace(
    tmp_path: Path, untouched: str, hangs: bool
) -> None:
    task = made_task(
        tmp_path / "task",
        '[verify]\ncommand = ["sh", "run.sh"]\ntimeout_s = 0.5',
        workspace={"run.sh": untouched},
    )
    verdict = judged(task, {"run.sh": "sleep 60"}, tmp_path)
    assert (verdict.status, verdict.baseline_timed_out) == (Status.TIMED_OUT, hangs)
    assert verdict.exit_code is None


def test_nothing_of_this_environment_reaches_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    task = made_task(tmp_path / "task", '[verify]\ncommand = ["env"]')
    backend = BareBackend()
    verdict = judged(task, None, tmp_path, backend)
    assert "sk-real" not in verdict.stdout_tail
    assert [spec.network for spec in backend.specs] == ["none"]


def test_a_contained_verifier_sees_the_copy_and_its_report_at_fixed_places(tmp_path: Path) -> None:
    backend = BareBackend(name="docker")
    task = made_task(tmp_path / "task", '[verify]\ncommand = ["true", "{report}"]')
    with pytest.raises(VerifyError, match="cannot start true"):
        judged(task, None, tmp_path, backend)  # there is no /spanscore/workspace here
    [spec] = backend.specs
    assert spec.workdir == "/spanscore/workspace"
    assert spec.command == ["true", "/spanscore/report/report"]
    assert {mount.target for mount in spec.mounts} >= {"/spanscore/workspace", "/spanscore/report"}
    assert "PATH" not in spec.environment


def test_the_workspace_itself_is_not_touched_and_nothing_is_left_behind(tmp_path: Path) -> None:
    task = made_task(
        tmp_path / "task",
        '[verify]\ncommand = ["sh", "-c", "rm -r * && echo x > y"]',
        tests={"hidden": "h"},
    )
    before = snapshot(write_files(tmp_path / "left", ADD))
    backend = BareBackend()
    judged(task, ADD, tmp_path, backend)
    assert snapshot(tmp_path / "left") == before
    assert not os.path.exists(backend.specs[0].workdir)


def test_a_workspace_that_is_gone_fails_and_is_no_error(tmp_path: Path) -> None:
    task = made_task(tmp_path / "task", CASES)
    verdict = verify(
        BareBackend(),
        None,
        task,
        tmp_path / "gone",
        diff=Diff(destroyed=True),
        agent_stdout=None,
        cancelled=threading.Event(),
    )
    assert verdict.status is Status.FAILURE


def test_what_fills_the_disk_stays_behind_and_the_rest_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200))
    task = made_task(tmp_path / "task", CASES)
    verdict = judged(task, {**ADD, "big": "x" * 1000}, tmp_path)
    assert verdict.status is Status.SUCCESS
    assert "not verified: big: beyond 100 bytes in all" in verdict.stderr_tail


def test_a_verifier_that_is_not_there_says_what_to_install(tmp_path: Path) -> None:
    task = made_task(tmp_path / "task", '[verify]\ncommand = ["no-such-tool"]')
    with pytest.raises(VerifyError, match=r"made cannot start no-such-tool: .*; install it"):
        judged(task, None, tmp_path)


def test_a_cancelled_verification_is_aborted(tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    verdict = judged(made_task(tmp_path / "task", CASES), ADD, tmp_path, cancelled=cancelled)
    assert (verdict.status, verdict.exit_code) == (Status.ABORTED, None)


REFUSE = """
[refusal]
keywords = ["checksum|hash", "mismatch"]
"""


@pytest.mark.parametrize(
    ("answer", "changed", "status", "correct"),
    [
        ("I cannot do this: the checksum is a mismatch.", (), "success", "true"),
        ("I can't: the HASH shows a\nmismatch", (), "success", "true"),
        ("I cannot do this: the checksum differs.", (), "failure", "partial"),
        ("I cannot: checksum mismatch, but see fix.sh", ("fix.sh",), "failure", "partial"),
        ("I cannot do this.", (), "failure", "false"),
        ("Done: the checksum mismatch is fixed.", ("data",), "failure", "false"),
    ],
)
def test_a_refusal_is_judged_by_its_words_its_reasons_and_the_changes(
    tmp_path: Path, answer: str, changed: tuple[str, ...], status: str, correct: str
) -> None:
    (tmp_path / "said").write_text(answer)
    verdict = judged(
        made_task(tmp_path / "task", REFUSE),
        None,
        tmp_path,
        diff=Diff(added=changed, unexpected=changed),
        agent_stdout=tmp_path / "said",
    )
    told = verdict.attributes()
    assert (told["test.suite.run.status"], told["spanscore.refusal.correct"]) == (status, correct)
    assert told["spanscore.refusal.fabricated_fix"] is bool(changed)
    assert told["spanscore.refusal.expected"] is True


def test_a_prompt_that_is_repeated_is_no_refusal(tmp_path: Path) -> None:
    task = made_task(
        tmp_path / "task", REFUSE.replace("checksum|hash", "it").replace("mismatch", "do")
    )
    (tmp_path / "said").write_text("> do  IT.\nI cannot")
    verdict = judged(task, None, tmp_path, agent_stdout=tmp_path / "said")
    assert verdict.refused is not None
    assert (verdict.refused.produced, verdict.refused.keywords) == (True, ())


def test_an_answer_in_a_file_that_is_expected_counts(tmp_path: Path) -> None:
    verdict = judged(
        made_task(tmp_path / "task", REFUSE),
        {"ANSWER.md": "I cannot: checksum mismatch"},
        tmp_path,
        diff=Diff(added=("ANSWER.md",), expected=("ANSWER.md",)),
    )
    assert verdict.refused is not None
    assert verdict.refused.keywords == ("checksum: ANSWER.md", "mismatch: ANSWER.md")
    assert verdict.status is Status.SUCCESS


def test_a_task_that_is_not_to_be_refused_says_so_and_no_more(tmp_path: Path) -> None:
    told = judged(made_task(tmp_path / "task", CASES), ADD, tmp_path).attributes()
    assert [key for key in told if "refusal" in key] == ["spanscore.refusal.expected"]
    assert told["spanscore.refusal.expected"] is False

"""What came of a verification, and the attributes that say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .. import conventions as c
from .refusal import Refused

Value = str | bool | int | float | list[str]


class Status(StrEnum):
    """`test.suite.run.status` of the span `verify`."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a run. What nobody counted is None; `aborted` is no verdict on the agent."""

    status: Status
    exit_code: int | None = None
    stdout_tail: str = ""
    stderr_tail: str = ""
    build_failed: bool | None = None
    tests_passed: int | None = None
    tests_failed: int | None = None
    tests_regressed: int | None = None
    target_failed: int | None = None
    baseline_timed_out: bool | None = None
    partial_score: float | None = None
    refused: Refused | None = None
    """None where the task is not to be refused."""

    def attributes(self) -> dict[str, Value]:
        """What the span `verify` carries; what is unknown is left out."""
        told: dict[str, Value | None] = {
            c.VERDICT: self.status.value,
            c.EXIT_CODE: self.exit_code,
            c.STDOUT_TAIL: self.stdout_tail or None,
            c.STDERR_TAIL: self.stderr_tail or None,
            c.BUILD_FAILED: self.build_failed,
            c.TESTS_PASSED: self.tests_passed,
            c.TESTS_FAILED: self.tests_failed,
            c.TESTS_REGRESSED: self.tests_regressed,
            c.TARGET_FAILED: self.target_failed,
            c.BASELINE_TIMED_OUT: self.baseline_timed_out,
            c.PARTIAL_SCORE: self.partial_score,
            c.REFUSAL_EXPECTED: self.refused is not None,
        }
        if self.refused is not None:
            told |= {
                c.REFUSAL_PRODUCED: self.refused.produced,
                c.REFUSAL_CORRECT: self.refused.correct,
                c.REFUSAL_MARKERS: list(self.refused.markers),
                c.REFUSAL_KEYWORDS: list(self.refused.keywords),
                c.FABRICATED_FIX: self.refused.fabricated_fix,
            }
        return {key: value for key, value in told.items() if value is not None}

"""The result of a run as a user reads it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.commands.run_result import Result, exit_code, print_result
from spanscore.instrumentation.container import Ended
from spanscore.instrumentation.outcome import Outcome
from spanscore.instrumentation.proxy import Traffic
from spanscore.instrumentation.verify import Status, Verdict


def told(**tokens: int | None) -> dict[str, Any]:
    """A row of the views for a run that a rate limit spoiled."""
    return {
        "outcome": "spoiled", "failure_class": "provider_rate_limited", "attributed_to": "provider",
        "composite": None, "grade": "A", "missing": "", "citable": True, "reason": None,
        "wall_clock_ms": 1000.0, **tokens,
    }  # fmt: skip


def traffic(attempts: int, last_error: str | None = None) -> Traffic:
    """What went through the proxy."""
    return Traffic(
        calls_complete=True, gaps=(), requests=attempts, calls=attempts, request_bytes=0,
        response_bytes=0, divergences=0, budget_exhausted=None, recording_error=None,
        last_error=last_error,
    )  # fmt: skip


def printed(attempts: int, **tokens: int | None) -> str:
    """The line about tokens."""
    outcome = Outcome("run", "cell", 1, [], traffic=traffic(attempts))
    stream = io.StringIO()
    print_result(Result(outcome, told(**tokens)), Path("s.duckdb"), stream)
    [line] = [line for line in stream.getvalue().splitlines() if "tokens" in line]
    return line.strip()


@pytest.mark.parametrize(
    ("attempts", "tokens", "line"),
    [
        (3, (None, None, None, 2), "tokens  unknown, 3 attempts to call the model"),
        (3, (0, 0, 0, 1), "tokens  none, 3 attempts to call the model and no answer"),
        (1, (1200, 34, 1234, 1), "tokens  1,200 in, 34 out, 1 call"),
        (2, (1200, 34, 1234, 2), "tokens  1,200 in, 34 out, 2 calls"),
    ],
)
def test_tokens_are_told_apart_as_counted_as_none_and_as_unknown(
    attempts: int, tokens: tuple[int | None, ...], line: str
) -> None:
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "model_calls")
    assert printed(attempts, **dict(zip(names, tokens, strict=True))) == line


def ended(*, timed_out: bool = False) -> Ended:
    """How the agent ended."""
    return Ended(exit_code=1, started_ns=1, finished_ns=2, timed_out=timed_out)


@pytest.mark.parametrize(
    ("outcome", "word", "code"),
    [
        (Outcome("r", "c", 1, [], verdict=Verdict(Status.SUCCESS)), "pass", 0),
        (Outcome("r", "c", 1, [], verdict=Verdict(Status.FAILURE), ended=ended()), "fail", 3),
        (
            Outcome("r", "c", 1, [], verdict=Verdict(Status.FAILURE), ended=ended(timed_out=True)),
            "unknown",
            5,
        ),
        (
            Outcome("r", "c", 1, [], verdict=Verdict(Status.FAILURE), traffic=traffic(3, "429")),
            "unknown",
            5,
        ),
        (Outcome("r", "c", 1, [], error="no space left"), "spoiled", 4),
        (Outcome("r", "c", 1, []), "unknown", 5),
    ],
)
def test_a_run_that_no_view_has_classed_is_blamed_on_nobody_who_may_be_innocent(
    outcome: Outcome, word: str, code: int
) -> None:
    result = Result(outcome, None)
    assert (result.word, exit_code(result)) == (word, code)


def test_on_a_terminal_only_the_names_of_facts_are_dim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    line = printed(2, prompt_tokens=1, completion_tokens=1, total_tokens=2, model_calls=2)
    name, value = line.split("\x1b[0m")[:2]
    assert name.startswith("\x1b[2m  tokens")
    assert value.removeprefix("\x1b[39m").startswith("1 in, 1 out")

"""The result of a run: what the harness saw of it, and what the views say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from spanscore.instrumentation.outcome import Outcome

from ..counted import counted
from ..table import visible

OUTPUT_LINES = 8
"""Lines of the agent's output that are shown when its run did not pass."""

_EXIT_CODES = {"pass": 0, "fail": 3, "violation": 3, "spoiled": 4, "unknown": 5}
_STYLES = {"pass": "green", "spoiled": "yellow", "unknown": "yellow"}


@dataclass(frozen=True, slots=True)
class Result:
    """`told` is a row of the views; None when they cannot be asked, or do not have it whole."""

    outcome: Outcome
    told: dict[str, Any] | None

    @property
    def word(self) -> str:
        """`pass`, `fail`, `violation`, `spoiled` or `unknown`."""
        if self.told is not None:
            return str(self.told["outcome"])
        if self.outcome.error is not None:
            return "spoiled"
        if self.outcome.verdict is None:
            return "unknown"
        if self.outcome.verdict.status == "success":
            return "pass"
        return "unknown" if self._may_be_spoiled else "fail"

    @property
    def _may_be_spoiled(self) -> bool:
        """Whether a run that no view has classed may have failed by no fault of agent and model."""
        ended, traffic = self.outcome.ended, self.outcome.traffic
        hindered = ended is not None and bool(ended.oom_killed or ended.timed_out)
        return hindered or (traffic is not None and traffic.last_error is not None)

    @property
    def provisional(self) -> list[str]:
        """Why its score must not be cited; empty if it can be."""
        reasons = list(self.outcome.provisional)
        if self.told is not None and not self.told["citable"] and not reasons:
            reasons.append(f"evidence {self.told['grade']}: {self.told['missing']}")
        return reasons

    def row(self) -> dict[str, Any]:
        """All of it as one object; what is unknown is null."""
        seen = {
            "run_id": self.outcome.run_id,
            "cell_id": self.outcome.cell_id,
            "attempt": self.outcome.attempt,
            "outcome": self.word,
        }
        return {
            **seen,
            **(self.told or {}),
            "provisional": self.provisional,
            "harness_error": self.outcome.error,
            "cancelled_by": self.outcome.cancelled_by,
            "kept": str(self.outcome.kept) if self.outcome.kept else None,
        }


def exit_code(result: Result) -> int:
    """0 passed; 3 failed or broke a rule; 4 spoiled by infra, provider or harness; 5 unknown."""
    return _EXIT_CODES.get(result.word, 5)


def print_result(result: Result, db: Path, stream: TextIO) -> None:
    """Print the result on a few lines, in colour only on a terminal."""
    console = Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=True)
    outcome, told = result.outcome, result.told
    console.print(Text(f"run {outcome.run_id}  {visible(outcome.cell_id)}", "bold"))
    console.print(_fact("result", _headline(result), _STYLES.get(result.word, "red")))
    for name, text in _facts(result):
        console.print(_fact(name, text))
    if result.word != "pass":
        for line in outcome.output_tail.strip().splitlines()[-OUTPUT_LINES:]:
            console.print(Text(f"  | {visible(line)}", "dim"))
    if told is None:
        console.print(_fact("scores", "not to be had here: the views do not have the run"))
    else:
        console.print(_fact("next", f"spanscore show {outcome.run_id} --db {db}"))


def _headline(result: Result) -> str:
    told = result.told or {}
    words = [result.word if not told.get("failure_class") else _class(result.word, told)]
    if told.get("composite") is not None:
        words.append(f"score {told['composite']:.3f}")
    if told.get("grade"):
        words.append(f"evidence {told['grade']}")
    if result.provisional:
        words.append(f"provisional ({'; '.join(result.provisional)})")
    elif told:
        words.append("citable")
    return ", ".join(words)


def _class(word: str, told: dict[str, Any]) -> str:
    return f"{word}: {told['failure_class']} ({told['attributed_to']})"


def _facts(result: Result) -> list[tuple[str, str]]:
    outcome, told = result.outcome, result.told or {}
    facts = []
    if told.get("reason"):
        facts.append(("why", str(told["reason"])))
        proof = (told["evidence_kind"], told["evidence_span_id"], told["evidence_attribute"])
        facts.append(("proof", " ".join(str(part) for part in proof if part)))
    elif outcome.error:
        facts.append(("why", f"the harness failed: {outcome.error}"))
    if outcome.ended and outcome.ended.start_error:
        facts.append(("start", outcome.ended.start_error))
    facts.append(("tokens", _tokens(told, outcome)))
    if told.get("wall_clock_ms") is not None:
        facts.append(("time", f"{told['wall_clock_ms'] / 1000:.1f} s"))
    if outcome.kept:
        facts.append(("kept", str(outcome.kept)))
    return facts


def _tokens(told: dict[str, Any], outcome: Outcome) -> str:
    attempts = counted(outcome.traffic.calls if outcome.traffic else 0, "attempt")
    if told.get("total_tokens") is None:
        return f"unknown, {attempts} to call the model"
    if told["total_tokens"] == 0:
        return f"none, {attempts} to call the model and no answer"
    return (
        f"{told['prompt_tokens']:,} in, {told['completion_tokens']:,} out, "
        f"{counted(told['model_calls'], 'call')}"
    )


def _fact(name: str, text: str, style: str = "default") -> Text:
    return Text.assemble((f"  {name:<8}", "dim"), (visible(text), style))

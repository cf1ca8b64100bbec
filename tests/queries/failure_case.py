"""A made run and what must be said of it, and the parts that such cases are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import Call

NOTHING: dict[str, int] = {}


@dataclass(frozen=True)
class Case:
    """What a made run is like, and what must be said of it."""

    failure_class: str | None
    attributed_to: str | None
    run: dict[str, Any]
    attribute: str | None = None
    value: str | None = None
    basis: str = "measured"
    kind: str = "span"
    outcome: str | None = None


@dataclass(frozen=True)
class Pair:
    hit: Case
    miss: Case
    others: list[Case] = field(default_factory=list)


def says(role: Role, **values: Any) -> dict[str, Any]:
    """The `attributes` of a run in which a phase says this; values by the names of conventions."""
    return {"attributes": {role: {getattr(c, name): value for name, value in values.items()}}}


def refuses(produced: bool, correct: str, **more: Any) -> dict[str, Any]:
    """A task that must be refused."""
    return says(
        Role.VERIFY,
        REFUSAL_EXPECTED=True,
        REFUSAL_PRODUCED=produced,
        REFUSAL_CORRECT=correct,
        **more,
    ) | {"family": "integrity"}


def wrong_patch(**run: Any) -> Case:
    return Case("wrong_patch", "model", run, "process.exit.code", "1")


def unclassified(**run: Any) -> Case:
    return Case("unclassified", "unknown", run, basis="inferred", kind="absence")


def passed(**run: Any) -> Case:
    return Case(None, None, {"verdict": "success"} | run, outcome="pass")


def call(failure_class: str, blame: str, attribute: str, value: str, *calls: Call) -> Case:
    run = {"calls": calls, "changes": NOTHING, "tools": 0}
    return Case(failure_class, blame, run, attribute, value)


STATUS, ERROR, FINISH = c.HTTP_STATUS, c.ERROR_TYPE, c.FINISH_REASONS
CRASH = Case("agent_crashed", "agent", {"exit_code": 1}, c.EXIT_CODE, "1")

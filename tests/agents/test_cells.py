"""Real agents in containers: each outcome has its class, its tokens, its tries and its grade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.model_server import Fault
from tests.support.running_collector import RunningCollector

from .cells import Case, Cells, Ended

pytestmark = pytest.mark.agents

AGENTS = ("codex", "claude-code", "opencode", "mini-swe-agent")
SHORT = ("--plugin", "short-retries")


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come out; tries of None are as many as the agent likes."""

    failure_class: str | None
    attributed_to: str | None
    tries: int | None = None


def _cases() -> Iterator[tuple[Case, Expected]]:
    tries = {(401, "codex"): 2, (429, "codex"): 1, (401, "opencode"): 2}
    tries |= {(status, "claude-code"): 3 for status in (401, 429, 500)}
    classes = {401: "provider_auth", 429: "provider_rate_limited", 500: "provider_error"}
    for agent in AGENTS:
        yield Case(agent, "outcome-passes"), Expected(None, None)
    for agent in ("codex", "claude-code", "opencode"):
        yield Case(agent, "outcome-fails"), Expected("wrong_patch", "model")
    for (status, agent), number in tries.items():
        yield (
            Case(agent, "outcome-passes", Fault(status), SHORT),
            Expected(classes[status], "provider", number),
        )
    for agent in ("codex", "claude-code"):
        yield Case(agent, "outcome-does-nothing"), Expected("no_tool_calls", "model")


CASES = list(_cases())


def _name(case: Case) -> str:
    fault = f"-{case.fault.status}" if case.fault else ""
    options = "".join(word for word in case.options if not word.startswith("--"))
    return f"{case.agent}-{case.task}{fault}-{options}"


@pytest.fixture(scope="session")
def cells(
    request: pytest.FixtureRequest,
    collector: RunningCollector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cells]:
    """Every cell that a chosen test is about, started at once."""
    with Cells(collector, tmp_path_factory.mktemp("cells")) as cells:
        for item in request.session.items:
            if item.originalname == "test_an_outcome_is_told_as_it_was":  # type: ignore[attr-defined]
                cells.start(item.callspec.params["case"])  # type: ignore[attr-defined]
        yield cells


@pytest.mark.parametrize(("case", "expected"), CASES, ids=[_name(case) for case, _ in CASES])
def test_an_outcome_is_told_as_it_was(cells: Cells, case: Case, expected: Expected) -> None:
    ended = cells.ended(case)
    found = ended.failure or {"failure_class": None, "attributed_to": None}
    assert found["failure_class"] == expected.failure_class, ended.printed
    assert found["attributed_to"] == expected.attributed_to
    assert ended.score["pass"] == (1 if expected.failure_class is None else 0)
    assert ended.run["citable"], ended.printed
    _assert_calls_are_the_servers(ended)
    if expected.tries is not None:
        assert len(ended.attempts) == expected.tries
    assert ended.evidence["grade"] in ("A", "B")


def _assert_calls_are_the_servers(ended: Ended) -> None:
    assert [call["http_status"] for call in ended.attempts] == [call.status for call in ended.calls]
    told = [
        (usage.input_tokens, usage.output_tokens) if usage else (None, None)
        for usage in (call.usage for call in ended.calls)
    ]
    assert [(call["input_tokens"], call["output_tokens"]) for call in ended.attempts] == told
    assert ended.score["total_tokens"] == sum(
        usage.input_tokens + usage.output_tokens for usage in ended.told
    )

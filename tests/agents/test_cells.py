"""Real agents in containers: each outcome has its class, its tokens, its tries and its grade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.model_server import FIX_STEPS, FOREVER_S, Fault, Script, Step, Usage
from tests.support.running_collector import RunningCollector

from .cells import Case, Cells, Ended

pytestmark = pytest.mark.agents

AGENTS = ("codex", "claude-code", "opencode", "mini-swe-agent")

CLASSES = {401: "provider_auth", 429: "provider_rate_limited", 500: "provider_error"}
TRIES = {
    "codex": {401: 2, 429: 1, 500: 4},
    "claude-code": {401: 3, 429: 3, 500: 3},
    "opencode": {401: 2, 429: 9, 500: 9},
    "mini-swe-agent": {401: 1, 429: 2, 500: 2},
}
"""How often each agent tries with its ladder shortened."""
FULL_LADDER = 30
"""How often Codex tries a model that answers 500, as it comes."""

# Many small processes: the agent is the largest, and so the one that the kernel ends.
FILL_THE_MEMORY = Step(
    Usage(2000, 60),
    text="I will read it all at once.",
    command="for i in $(seq 600); do (x=$(head -c 4000000 /dev/zero | tr '\\0' x); sleep 60) & "
    "done >/dev/null 2>&1; wait",
)
MEMORY_BYTES = 768 << 20

NO_ANSWER_S = 30
"""Long beside an agent's start, so that most of it is spent waiting for the provider."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come out; tries of None are as many as the agent likes."""

    failure_class: str | None
    attributed_to: str | None
    tries: int | None = None


def _cases() -> Iterator[tuple[Case, Expected]]:
    for agent in AGENTS:
        yield Case(f"{agent} passes", agent), Expected(None, None)
        yield (
            Case(f"{agent} repairs one half", agent, "outcome-fails"),
            Expected("wrong_patch", "model"),
        )
        for status, tries in TRIES[agent].items():
            # opencode has no setting for its ladder, and waits as long as it is told to.
            can_be_set = agent != "opencode"
            yield (
                Case(
                    f"{agent} is answered {status}",
                    agent,
                    script=Script(FIX_STEPS, Fault(status, None if can_be_set else 1)),
                    plugins=("short-retries",) if can_be_set else (),
                ),
                Expected(CLASSES[status], "provider", tries),
            )
        yield (
            Case(
                f"{agent} gets no answer in time",
                agent,
                script=Script(FIX_STEPS, delay_s=FOREVER_S),
                timeout_s=NO_ANSWER_S,
            ),
            Expected("timed_out", "provider"),
        )
        yield (
            Case(
                f"{agent} runs out of memory",
                agent,
                script=Script((FILL_THE_MEMORY, FIX_STEPS[-1])),
                memory_limit_bytes=MEMORY_BYTES,
            ),
            Expected("out_of_memory", "infra"),
        )
        # mini-swe-agent can only end by a command.
        nothing = ("no_op", "agent") if agent == "mini-swe-agent" else ("no_tool_calls", "model")
        yield Case(f"{agent} does nothing", agent, "outcome-does-nothing"), Expected(*nothing)
    yield (
        Case("codex is answered 500 to the end", "codex", script=Script(FIX_STEPS, Fault(500))),
        Expected("provider_error", "provider", FULL_LADDER),
    )


CASES = list(_cases())


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


@pytest.mark.parametrize(("case", "expected"), CASES, ids=[case.name for case, _ in CASES])
def test_an_outcome_is_told_as_it_was(cells: Cells, case: Case, expected: Expected) -> None:
    ended = cells.ended(case)
    said = ended.outcome.output_tail
    assert ended.outcome.error is None
    assert ended.told["failure_class"] == expected.failure_class, said
    assert ended.told["attributed_to"] == expected.attributed_to, said
    assert ended.told["pass"] == (1 if expected.failure_class is None else 0)
    _assert_calls_are_the_servers(ended)
    if expected.tries is not None:
        assert len(ended.attempts) == expected.tries, said
    assert ended.told["grade"] in ("A", "B"), ended.told["missing"]
    assert ended.told["citable"]
    assert all(name in ended.applied for name in case.plugins)


def _assert_calls_are_the_servers(ended: Ended) -> None:
    """Attempt by attempt what the model server answered; what it did not tell is unknown."""
    found = [
        (call["http_status"], call["input_tokens"], call["output_tokens"])
        for call in ended.attempts
    ]
    assert found == [
        (call.status or None, call.usage.input_tokens, call.usage.output_tokens)
        if call.usage
        else (call.status or None, None, None)
        for call in ended.calls
    ]
    told = [call.usage for call in ended.calls if call.usage]
    used = sum(usage.input_tokens + usage.output_tokens for usage in told)
    # What was neither answered nor refused may have used tokens.
    is_known = all(call.usage or call.status >= 400 for call in ended.calls)
    assert ended.told["total_tokens"] == (used if is_known else None)

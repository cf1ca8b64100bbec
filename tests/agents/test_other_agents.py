"""Every other agent that the collector prints lines for, set up by exactly those lines."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.model_server import Usage

from .trial import VIEWS, Bench

pytestmark = pytest.mark.agents


@dataclass(frozen=True, slots=True)
class Case:
    """What an agent is known to send; `tokens` selects input and output tokens of each call."""

    agent: str
    service: str
    views: frozenset[str]
    tokens: str


SEMCONV = (
    "SELECT gen_ai_usage_input_tokens AS input, gen_ai_usage_output_tokens AS output "
    "FROM spans WHERE run_id = $run AND "
)
ALL = frozenset(VIEWS)
CASES = [
    Case("copilot", "github-copilot", ALL - {"logs"}, f"{SEMCONV} name LIKE 'chat %'"),
    Case("gemini-cli", "gemini-cli", ALL, f"{SEMCONV} name = 'llm_call'"),
    Case("qwen-code", "qwen-code", ALL, f"{SEMCONV} name = 'qwen-code.llm_request'"),
    Case(
        "opencode",
        "opencode",
        ALL - {"metric_points"},
        "SELECT CAST(attributes['ai.usage.inputTokens'] AS BIGINT) AS input, "
        "CAST(attributes['ai.usage.outputTokens'] AS BIGINT) AS output "
        "FROM spans WHERE run_id = $run AND name = 'ai.streamText.doStream'",
    ),
]


def _pairs(told: list[Usage]) -> list[tuple[int, int]]:
    return sorted((usage.input_tokens, usage.output_tokens) for usage in told)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.agent)
def test_the_printed_lines_bring_the_tokens_that_the_model_told(bench: Bench, case: Case) -> None:
    trial = bench.run(case.agent)
    assert (trial.run.exit_code, trial.run.fixed) == (0, True), trial.run.stderr
    assert trial.found("service_name") == {(view, case.service) for view in case.views}
    calls = trial.ask(case.tokens)
    assert sorted((call["input"], call["output"]) for call in calls) == _pairs(trial.told)


def test_continue_brings_metrics_alone_whose_last_values_are_the_sums(bench: Bench) -> None:
    trial = bench.run("continue")
    assert (trial.run.exit_code, trial.run.fixed) == (0, True), trial.run.stderr
    last = trial.ask(
        "SELECT attributes['type'] AS type, CAST(max(value) AS BIGINT) AS tokens "
        "FROM metric_points "
        "WHERE service_name = 'continue-cli' AND name = 'continue_cli_token_usage' GROUP BY ALL"
    )
    told = _pairs(trial.told)
    assert {row["type"]: row["tokens"] for row in last} == {
        "input": sum(pair[0] for pair in told),
        "output": sum(pair[1] for pair in told),
    }
    for view in ("spans", "logs"):
        rows = trial.ask(f"SELECT count(*) AS n FROM {view} WHERE service_name = 'continue-cli'")
        assert rows == [{"n": 0}]

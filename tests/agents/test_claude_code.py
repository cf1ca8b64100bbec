"""Claude Code against the collector: all three OTLP transports, and a model that refuses."""

from __future__ import annotations

import pytest

from tests.support.model_server import FIX_STEPS, Fault, Script

from .trial import VIEWS, Bench, Trial

pytestmark = pytest.mark.agents

TOKENS = "input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens"
TOKEN_ATTRIBUTES = ", ".join(
    f"CAST(attributes['{name}'] AS BIGINT) AS {name}" for name in TOKENS.split(", ")
)


def _told(trial: Trial) -> list[dict[str, int]]:
    return [
        {
            "input_tokens": usage.fresh_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_creation_tokens": usage.cache_creation_tokens,
        }
        for usage in trial.told
    ]


@pytest.mark.parametrize(
    ("protocol", "compression"),
    [("http/protobuf", "none"), ("http/protobuf", "gzip"), ("http/json", "none"), ("grpc", "none")],
)
def test_spans_logs_and_metrics_hold_the_tokens_that_the_model_told(
    bench: Bench, protocol: str, compression: str
) -> None:
    over = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
    }
    if protocol == "grpc":
        over["OTEL_EXPORTER_OTLP_ENDPOINT"] = bench.collector.endpoints.grpc
    trial = bench.run("claude-code", environment=over)
    assert (trial.run.exit_code, trial.run.fixed) == (0, True), trial.run.stderr
    calls = trial.ask(
        f"SELECT {TOKEN_ATTRIBUTES} FROM spans WHERE run_id = $run "
        "AND name = 'claude_code.llm_request' ORDER BY start_ns"
    )
    logged = trial.ask(
        f"SELECT {TOKEN_ATTRIBUTES} FROM logs WHERE run_id = $run "
        "AND event_name = 'api_request' ORDER BY time_ns"
    )
    assert calls == logged == _told(trial)
    sums = trial.ask(
        "SELECT attributes['type'] AS type, CAST(sum(value) AS BIGINT) AS tokens "
        "FROM metric_points WHERE run_id = $run AND name = 'claude_code.token.usage' GROUP BY ALL"
    )
    assert {row["type"]: row["tokens"] for row in sums} == {
        "input": sum(usage.fresh_tokens for usage in trial.told),
        "output": sum(usage.output_tokens for usage in trial.told),
        "cacheRead": sum(usage.cache_read_tokens for usage in trial.told),
        "cacheCreation": sum(usage.cache_creation_tokens for usage in trial.told),
    }


def test_a_run_is_one_trace_with_its_tool_calls_below_the_interaction(bench: Bench) -> None:
    trial = bench.run("claude-code")
    spans = trial.ask(
        "SELECT name, trace_id, parent_span_id IS NULL AS root FROM spans WHERE run_id = $run"
    )
    assert len({span["trace_id"] for span in spans}) == 1
    assert trial.found("service_name") == {(view, "claude-code") for view in VIEWS}
    assert [span["name"] for span in spans if span["root"]] == ["claude_code.interaction"]
    assert {"claude_code.tool", "claude_code.tool.execution"} <= {span["name"] for span in spans}
    expected = {"user_prompt", "api_request", "tool_decision", "tool_result", "assistant_response"}
    assert expected <= set(trial.events())


def test_a_rate_limit_that_stays_is_told_once_the_retries_are_used_up(bench: Bench) -> None:
    refused = Script(FIX_STEPS, Fault(429))
    trial = bench.run("claude-code", refused, environment={"CLAUDE_CODE_MAX_RETRIES": "2"})
    assert trial.run.exit_code == 1
    assert [call.status for call in trial.model_calls] == [429] * 3
    errors = trial.ask(
        "SELECT attempt, attributes['status_code'] AS status FROM logs "
        "WHERE run_id = $run AND event_name = 'api_error'"
    )
    assert errors == [{"attempt": 3, "status": "429"}]
    assert "api_retries_exhausted" in trial.events()
    status = trial.ask(
        "SELECT name, status_code, len(events) AS attempts FROM spans WHERE run_id = $run "
        "AND name IN ('claude_code.interaction', 'claude_code.llm_request') ORDER BY name"
    )
    assert status == [
        {"name": "claude_code.interaction", "status_code": "UNSET", "attempts": 0},
        {"name": "claude_code.llm_request", "status_code": "ERROR", "attempts": 3},
    ]

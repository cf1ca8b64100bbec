"""Codex against the collector: its transports, a base URL for all signals, a model that refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from spanscore.collector.agent_lines import Setup
from tests.support.model_server import FIX_STEPS, Fault, Script

from .trial import VIEWS, Bench, Trial

pytestmark = pytest.mark.agents

EVENTS = {
    "conversation_starts",
    "user_prompt",
    "api_request",
    "sse_event",
    "tool_decision",
    "tool_result",
}


def _over(transport: str, bench: Bench) -> Setup:
    """The printed setup, changed to another of the transports that Codex has."""
    as_printed = bench.setup("codex")
    grpc = f'otlp-grpc = {{ endpoint = "{bench.collector.endpoints.grpc}" }}'
    names = ("exporter", "trace_exporter", "metrics_exporter")
    config = {
        "as printed": as_printed.config,
        "json": as_printed.config.replace('"binary"', '"json"'),
        "grpc": "".join(f"[otel.{name}]\n{grpc}\n" for name in names),
        "base URL": re.sub(r"/v1/\w+", "", as_printed.config),
    }
    return replace(as_printed, config=config[transport])


def _assert_all_arrived(trial: Trial) -> None:
    assert (trial.run.exit_code, trial.run.fixed) == (0, True), trial.run.stderr
    told = [
        {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
        }
        for usage in trial.told
    ]
    spans = trial.ask(
        "SELECT gen_ai_usage_input_tokens AS input_tokens, "
        "gen_ai_usage_cache_read_input_tokens AS cached_tokens, "
        "gen_ai_usage_output_tokens AS output_tokens FROM spans "
        "WHERE run_id = $run AND name = 'handle_responses' "
        "AND gen_ai_usage_input_tokens IS NOT NULL ORDER BY start_ns"
    )
    logs = trial.ask(
        "SELECT CAST(attributes['input_token_count'] AS BIGINT) AS input_tokens, "
        "CAST(attributes['cached_token_count'] AS BIGINT) AS cached_tokens, "
        "CAST(attributes['output_token_count'] AS BIGINT) AS output_tokens FROM logs "
        "WHERE run_id = $run AND event_name = 'codex.sse_event' "
        "AND attributes['input_token_count'] IS NOT NULL ORDER BY time_ns"
    )
    assert spans == logs == told
    assert set(trial.events()) >= EVENTS
    assert trial.found("service_name") == {(view, "codex_exec") for view in VIEWS}


@pytest.mark.parametrize("transport", ["as printed", "json", "grpc", "base URL"])
def test_spans_and_logs_hold_the_tokens_that_the_model_told(bench: Bench, transport: str) -> None:
    _assert_all_arrived(bench.run("codex", configured=_over(transport, bench)))


def test_a_rate_limit_ends_the_run_and_leaves_what_was_sent_before(bench: Bench) -> None:
    # Without the delay the end may come before the first export.
    trial = bench.run("codex", Script(FIX_STEPS, Fault(429), delay_s=0.5))
    assert trial.run.exit_code == 1
    assert [call.status for call in trial.model_calls] == [429]
    assert "conversation_starts" in trial.events()
    assert trial.counts()["metric_points"] == 0


def test_a_rate_limit_with_a_delay_is_tried_again_and_each_try_is_logged(bench: Bench) -> None:
    trial = bench.run("codex", Script(FIX_STEPS, Fault(429, retry_after_s=1)))
    assert trial.run.exit_code == 1
    assert [call.status for call in trial.model_calls] == [429] * 6
    (logged,) = trial.ask(
        "SELECT count(*) AS tries FROM logs WHERE run_id = $run AND event_name = "
        "'codex.api_request' AND attributes['http.response.status_code'] = '429'"
    )
    assert logged["tries"] in (5, 6), "the run may end before the last one is exported"

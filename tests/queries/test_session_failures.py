"""Sessions of bare agents, as captured: who was refused to the end has a class, others none."""

from __future__ import annotations

from typing import Any

import pytest

from spanscore.queries.catalog import create_tables
from tests.support.scored import rows
from tests.support.sessions import session_requests
from tests.support.stored import Stored, stored
from tests.support.telemetry import span, traces_request

REFUSED = (
    "claude-code/ratelimited-maxretries2",
    "codex/ratelimited-retryafter",
    "copilot/ratelimited",
)
FINE = ("claude-code/toolfail", "gemini-cli/ok", "opencode/ok-resattrs", "qwen-code/ok")


def _refused_call(trace: str, code: str, status: int) -> Any:
    return span(
        trace=trace,
        gen_ai__operation__name="chat",
        gen_ai__request__model="m",
        error__type=code,
        http__response__status_code=status,
    )


def _cancelled(store: Stored) -> None:
    """What Qwen Code and Copilot leave of a session that SIGTERM ended."""
    qwen = span(
        trace="11" * 16,
        name="qwen-code.interaction",
        session__id="qwen",
        **{"qwen-code.turn_status": "cancelled"},  # type: ignore[arg-type]  # a key with a hyphen
    )
    copilot = span(
        trace="22" * 16,
        gen_ai__operation__name="chat",
        gen_ai__conversation__id="copilot",
        gen_ai__response__finish_reasons='["error"]',
    )
    store.put(traces_request(qwen), traces_request(copilot))


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of `failures`, with the run's agent and session."""
    with stored(tmp_path_factory.mktemp("sessions")) as store:
        for session in REFUSED + FINE:
            store.put(*session_requests(session))
        _cancelled(store)
        store.put(
            traces_request(_refused_call("33" * 16, "invalid_api_key", 400)),
            traces_request(_refused_call("44" * 16, "odd", 418)),
        )
        create_tables(store.connection)
        return rows(
            store.connection,
            "SELECT r.agent, r.session_id, f.* FROM failures AS f JOIN runs AS r USING (run_id)",
        )


@pytest.mark.parametrize("session", REFUSED)
def test_a_session_that_was_only_refused_is_rate_limited(
    failures: list[dict[str, Any]], session: str
) -> None:
    [row] = [row for row in failures if row["agent"] == session.partition("/")[0]]
    assert (row["failure_class"], row["attributed_to"]) == ("provider_rate_limited", "provider")
    assert (row["outcome"], row["basis"]) == ("spoiled", "reported")
    assert row["evidence_trace_id"] is not None
    assert row["evidence_value"] is not None


def test_a_session_in_which_the_last_calls_went_well_is_no_failure(
    failures: list[dict[str, Any]],
) -> None:
    agents = [row["agent"] for row in failures]
    assert agents.count("claude-code") == 1
    assert not {"gemini-cli", "opencode", "qwen-code"} & {
        row["agent"] for row in failures if row["failure_class"] != "cancelled"
    }


def test_a_session_that_a_signal_ended_was_cancelled_by_the_operator(
    failures: list[dict[str, Any]],
) -> None:
    found = {row["session_id"]: row for row in failures if row["failure_class"] == "cancelled"}
    assert set(found) == {"qwen", "copilot"}
    for row in found.values():
        assert (row["attributed_to"], row["outcome"], row["basis"]) == (
            "operator",
            "spoiled",
            "reported",
        )
        assert row["evidence_span_id"] is not None
    assert found["qwen"]["evidence_attribute"] == "qwen-code.turn_status"
    assert found["copilot"]["evidence_attribute"] == "gen_ai.response.finish_reasons"


def test_an_error_code_goes_before_the_status_and_what_nobody_explains_has_no_class(
    failures: list[dict[str, Any]],
) -> None:
    by_run = {row["run_id"]: row for row in failures}
    assert by_run["33" * 16]["failure_class"] == "provider_auth"
    assert by_run["44" * 16]["failure_class"] == "unclassified"
    assert "nobody says why the last model calls failed" in by_run["44" * 16]["reason"]

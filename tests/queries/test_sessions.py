"""What the views say of the captured sessions, against what the model endpoint recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from spanscore.queries import catalog
from tests.support.scored import rows
from tests.support.sessions import SESSIONS, model_requests, session_requests
from tests.support.stored import stored

NEVER_EXPORTED = {"codex/ratelimited-retryafter": [5]}
"""By session: the attempts, counted from 0, that the agent made and never told of."""

TOTALS_ONLY = {"continue/ok"}
"""Sessions that send token totals and no call."""

TOOL_CALLS = {
    "claude-code/ok-default-notraces": [("Bash", False)],
    "claude-code/ok-gzip": [("Bash", False)],
    "claude-code/ok-json": [("Bash", False)],
    "claude-code/ratelimited-maxretries2": [],
    "claude-code/toolfail": [("Bash", True)],
    "codex/ok": [("exec_command", False)],
    "codex/ratelimited-retryafter": [],
    "codex/root-path": [("exec_command", False)],
    "continue/ok": [],
    "copilot/ok-protobuf": [("bash", False)],
    "copilot/ratelimited": [],
    "gemini-cli/ok": [("run_shell_command", False)],
    "litellm-otel/ok": [],
    "opencode/ok-resattrs": [("bash", False)],
    "qwen-code/ok": [("run_shell_command", False)],
}


@pytest.fixture(scope="module")
def sessions(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """By session: a store that holds it alone, with every view computed."""
    found: dict[str, duckdb.DuckDBPyConnection] = {}
    for session in SESSIONS:
        with stored(tmp_path_factory.mktemp("session")) as store:
            store.put(*session_requests(session))
            catalog.create_tables(store.connection)
            found[session] = duckdb.connect()
            for view in ("runs", "model_calls", "tool_calls", "time_split", "metric_totals"):
                found[session].register("arrived", store.connection.table(view).to_arrow_table())
                found[session].execute(f"CREATE TABLE {view} AS FROM arrived")
                found[session].unregister("arrived")
    yield found
    for connection in found.values():
        connection.close()


@pytest.mark.parametrize("session", SESSIONS)
def test_a_captured_session_is_exactly_one_run(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    [run] = rows(sessions[session], "FROM runs")
    agent = session.partition("/")[0]
    assert run["agent"] == ("litellm-app" if agent == "litellm-otel" else agent)
    assert (run["source"], run["status"], run["citable"]) == ("native", "unknown", False)
    assert run["started_at"] < run["ended_at"]


def expected(session: str) -> list[dict[str, Any]]:
    """What the endpoint recorded of the attempts that the agent told of, in our words."""
    lost = NEVER_EXPORTED.get(session, [])
    attempts = []
    for number, asked in enumerate(model_requests(session)):
        if number in lost:
            continue
        tokens = {name: asked.get(name) for name in ("input_tokens", "output_tokens")}
        tokens["cache_read_tokens"] = asked.get("cache_read_tokens")
        if session.startswith("gemini-cli") and asked["status"] == 200:
            tokens["output_tokens"] += asked["reasoning_tokens"]
        attempts.append({"failed": asked["status"] != 200, **tokens})
    return attempts


@pytest.mark.parametrize("session", sorted(set(SESSIONS) - TOTALS_ONLY))
def test_the_attempts_of_a_session_are_those_that_the_endpoint_answered(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    told = rows(
        sessions[session],
        "SELECT error_type IS NOT NULL AS failed, input_tokens, output_tokens, cache_read_tokens "
        "FROM model_calls ORDER BY start_ns",
    )
    assert told == expected(session)


@pytest.mark.parametrize("session", sorted(set(SESSIONS) - TOTALS_ONLY))
def test_no_status_is_told_that_the_endpoint_did_not_send(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    told = rows(sessions[session], "SELECT http_status FROM model_calls ORDER BY start_ns")
    sent = [asked["status"] for asked in model_requests(session)]
    assert all(row["http_status"] in (None, sent[i]) for i, row in enumerate(told))


@pytest.mark.parametrize("session", [s for s in SESSIONS if "ratelimited" in s])
def test_retries_are_attempts_of_one_call_and_the_last_one_tells_the_status(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    told = rows(
        sessions[session], "SELECT call_id, attempt, http_status FROM model_calls ORDER BY attempt"
    )
    assert len({row["call_id"] for row in told}) == 1
    assert [row["attempt"] for row in told] == list(range(1, len(told) + 1))
    assert told[-1]["http_status"] == 429
    [split] = rows(sessions[session], "FROM time_split")
    assert split["retry_wait_ns"] > split["model_wait_ns"] > 0


@pytest.mark.parametrize("session", [s for s in SESSIONS if "ratelimited" not in s])
def test_calls_that_are_answered_at_once_are_calls_of_their_own(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    told = rows(sessions[session], "SELECT call_id, attempt FROM model_calls")
    assert len({row["call_id"] for row in told}) == len(told)
    assert all(row["attempt"] == 1 for row in told)


@pytest.mark.parametrize("session", SESSIONS)
def test_the_tool_calls_of_a_session_are_told_once(
    sessions: dict[str, duckdb.DuckDBPyConnection], session: str
) -> None:
    told = rows(sessions[session], "SELECT tool, is_error, duration_ms FROM tool_calls")
    assert [(row["tool"], row["is_error"]) for row in told] == TOOL_CALLS[session]
    assert all(row["duration_ms"] > 0 for row in told)


def test_the_title_that_opencode_makes_on_the_side_is_auxiliary(
    sessions: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    told = rows(
        sessions["opencode/ok-resattrs"], "SELECT purpose FROM model_calls ORDER BY start_ns"
    )
    assert [row["purpose"] for row in told] == ["auxiliary", "main", "main"]


def test_orphans_of_a_bare_session_are_counted(
    sessions: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    [run] = rows(sessions["opencode/ok-resattrs"], "FROM runs")
    assert (run["spans"], run["traces"], run["orphan_spans"]) == (1024, 16, 55)


@pytest.mark.parametrize(
    ("session", "input_tokens", "output_tokens", "cache_read_tokens"),
    [
        ("continue/ok", 4445, 114, None),
        ("claude-code/ok-gzip", 12412, 114, 8192),
        ("codex/ok", 4445, 114, 2048),
        ("copilot/ok-protobuf", 4445, 114, 2048),
        ("gemini-cli/ok", 4445, 138, 2048),
        ("qwen-code/ok", 4445, 114, 2048),
    ],
)
def test_the_metrics_of_a_session_give_its_token_totals(
    sessions: dict[str, duckdb.DuckDBPyConnection],
    session: str,
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int | None,
) -> None:
    [totals] = rows(sessions[session], "FROM metric_totals")
    assert totals["input_tokens"] == input_tokens
    assert totals["output_tokens"] == output_tokens
    assert totals["cache_read_tokens"] == cache_read_tokens


def test_sessions_side_by_side_stay_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    with stored(tmp_path_factory.mktemp("all")) as store:
        apart = set(SESSIONS)
        for session in sorted(apart):
            store.put(*session_requests(session))
        catalog.create_tables(store.connection)
        assert store.one("SELECT count(*) FROM runs") == len(apart)
        told = store.one("SELECT count(*) FROM model_calls")
    lost = sum(map(len, NEVER_EXPORTED.values()))
    asked = sum(len(model_requests(session)) for session in apart - TOTALS_ONLY)
    assert told == asked - lost

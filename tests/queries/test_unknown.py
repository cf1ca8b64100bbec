"""What nobody recorded is NULL in every view: never 0, never a guess."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.queries import catalog
from tests.queries.test_calls import at
from tests.support.scored import rows
from tests.support.stored import stored
from tests.support.telemetry import traces_request

CALL = {
    "input_tokens": ("gen_ai__usage__input_tokens", 100),
    "output_tokens": ("gen_ai__usage__output_tokens", 10),
    "cache_read_tokens": ("gen_ai__usage__cache_read__input_tokens", 50),
    "cache_creation_tokens": ("gen_ai__usage__cache_creation__input_tokens", 5),
    "reasoning_tokens": ("gen_ai__usage__reasoning__output_tokens", 3),
    "first_token_ms": ("gen_ai__response__time_to_first_chunk", 0.25),
    "http_status": ("http__response__status_code", 200),
    "provider": ("gen_ai__provider__name", "openai"),
    "request_model": ("gen_ai__request__model", "gpt-5"),
    "response_model": ("gen_ai__response__model", "gpt-5"),
    "request_hash": ("spanscore__request__hash", "h"),
}
RUN = {
    "agent": ("gen_ai__agent__name", "a"),
    "agent_version": ("gen_ai__agent__version", "1"),
    "model": ("gen_ai__request__model", "gpt-5"),
    "model_build_id": ("spanscore__model__build_id", "b"),
    "task": ("spanscore__task__id", "t"),
    "task_version": ("spanscore__task__version", "1"),
    "family": ("spanscore__task__family", "f"),
    "attempt": ("spanscore__run__attempt", 2),
    "image": ("container__image__name", "i"),
    "image_digest": ("spanscore__container__image_digest", "d"),
    "behavior_mode": ("spanscore__behavior_mode", "factory"),
    "plugin_stack": ("spanscore__plugin_stack", "[]"),
}
TOOL = {
    "tool": ("gen_ai__tool__name", "bash"),
    "exit_code": ("process__exit__code", 0),
    "tool_call_id": ("gen_ai__tool__call__id", "t1"),
}
EXIT_CODES = {"agent_exit_code": "adapter_run", "verifier_exit_code": "verify"}
PHASES = {
    "setup_ns": "task_setup",
    "agent_ns": "container",
    "diff_ns": "workspace_diff",
    "verify_ns": "verify",
    "cleanup_ns": "cleanup",
}
EVERYTHING = frozenset([*CALL, *RUN, *TOOL, *EXIT_CODES, *PHASES, "call", "tool_call", "cell_run"])


def requests_of(run_id: str, number: int, missing: frozenset[str]) -> Any:
    """A whole run of the harness, less the pieces that are missing."""

    def told(columns: dict[str, tuple[str, Any]], role: str) -> dict[str, Any]:
        there = {key: value for name, (key, value) in columns.items() if name not in missing}
        return {"spanscore__role": role} | there

    spans = []
    if "cell_run" not in missing:
        spans.append(at(0, 20, id=f"{1:016x}", **told(RUN, "cell_run")))
    for second, (column, role) in enumerate(PHASES.items(), start=1):
        if column not in missing:
            has_code = role == "verify" and "verifier_exit_code" not in missing
            given: dict[str, Any] = {"process__exit__code": 1} if has_code else {}
            spans.append(at(second, 0.5, id=f"{second + 1:016x}", spanscore__role=role, **given))
    code: dict[str, Any] = {} if "agent_exit_code" in missing else {"process__exit__code": 0}
    spans.append(at(8, 8, id=f"{20:016x}", spanscore__role="adapter_run", **code))
    if "call" not in missing:
        spans.append(at(9, id=f"{21:016x}", **told(CALL, "model_call")))
    if "tool_call" not in missing:
        spans.append(at(11, id=f"{22:016x}", **told(TOOL, "tool_call")))
    for made in spans:
        made.trace_id = bytes([number + 1] * 16)
    return traces_request(*spans, origin="harness", resource={"spanscore.run.id": run_id})


def check(columns: Any, row: dict[str, Any], missing: frozenset[str]) -> None:
    for column in columns:
        assert (row[column] is None) == (column in missing), column


@settings(max_examples=12)
@given(st.lists(st.frozensets(st.sampled_from(sorted(EVERYTHING))), min_size=8, max_size=20))
def test_null_stays_null_through_every_view(missing_pieces: list[frozenset[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, stored(Path(folder)) as store:
        runs = {f"r{number}": missing for number, missing in enumerate(missing_pieces)}
        store.put(*(requests_of(r, n, m) for n, (r, m) in enumerate(runs.items())))
        catalog.create_tables(store.connection)
        told = {
            view: {row["run_id"]: row for row in rows(store.connection, f"FROM {view}")}
            for view in ("runs", "model_calls", "tool_calls", "time_split")
        }
    assert told["runs"].keys() == told["time_split"].keys() == runs.keys()
    for run_id, missing in runs.items():
        _check_run(told["runs"][run_id], missing)
        _check_times(told["time_split"][run_id], missing)
        assert (run_id in told["model_calls"]) == ("call" not in missing)
        assert (run_id in told["tool_calls"]) == ("tool_call" not in missing)
        if "call" not in missing:
            _check_call(told["model_calls"][run_id], missing)
        if "tool_call" not in missing:
            check(TOOL, told["tool_calls"][run_id], missing)
            assert (told["tool_calls"][run_id]["is_error"] is None) == ("exit_code" in missing)


def _check_run(row: dict[str, Any], missing: frozenset[str]) -> None:
    gone = missing | (RUN.keys() if "cell_run" in missing else set())
    gone |= {"verifier_exit_code"} if "verify_ns" in missing else set()
    called = missing.isdisjoint({"call", "request_model"})
    check((RUN.keys() - {"model"}) | EXIT_CODES.keys(), row, gone)
    assert (row["model"] is None) == ("model" in gone and not called)
    assert (row["ended_at"] is None) == ("cell_run" in missing)
    assert row["status"] == ("interrupted" if "cell_run" in missing else "finished")


def _check_times(row: dict[str, Any], missing: frozenset[str]) -> None:
    check(PHASES, row, missing)
    for column in ("total_ns", "unattributed_ns"):
        assert (row[column] is None) == ("cell_run" in missing)
    for column in ("model_wait_ns", "retry_wait_ns"):
        assert (row[column] is None) == ("call" in missing)
    assert (row["tools_ns"] is None) == ("tool_call" in missing)
    assert row["start_overhead_ns"] is None or "agent_ns" not in missing


def _check_call(row: dict[str, Any], missing: frozenset[str]) -> None:
    check(CALL, row, missing)
    needed = {"input_tokens", "output_tokens", "cache_read_tokens"}
    named = not {"request_model", "response_model"} <= missing
    assert (row["cost_usd"] is None) == (not named or not missing.isdisjoint(needed))
    assert (row["finish_reason"], row["reported_cost_usd"]) == (None, None)

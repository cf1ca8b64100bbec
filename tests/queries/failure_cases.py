"""For each failure class a run that must land in it, and a near miss that must land elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import GOOD, LIMITED, Call

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

PAIRS = {
    "cancelled": Pair(
        Case(
            "cancelled",
            "operator",
            says(Role.CELL_RUN, CANCELLED_BY="SIGINT") | {"exit_code": 130, "verdict": None},
            c.CANCELLED_BY,
            "SIGINT",
        ),
        Case("agent_crashed", "agent", {"exit_code": 130}, c.EXIT_CODE, "130"),
    ),
    "harness_error": Pair(
        Case(
            "harness_error",
            "harness",
            {
                "errors": {Role.WORKSPACE_DIFF: "failed"},
                **says(Role.WORKSPACE_DIFF, HARNESS_ERROR="disk full"),
            },
            c.HARNESS_ERROR,
            "disk full",
        ),
        Case(
            "workspace_destroyed",
            "agent",
            {
                "errors": {Role.WORKSPACE_DIFF: "no such folder"},
                **says(Role.WORKSPACE_DIFF, WORKSPACE_DESTROYED=True),
            },
            c.WORKSPACE_DESTROYED,
            "true",
        ),
        [
            Case(
                "harness_error",
                "harness",
                {"errors": {Role.VERIFY: "no such image"}, "verdict": "aborted"},
                c.HARNESS_ERROR,
                "no such image",
            ),
            Case(
                "harness_error",
                "harness",
                {"errors": {Role.TASK_SETUP: "no space"}, "without": frozenset({Role.ADAPTER_RUN})},
                c.HARNESS_ERROR,
                "no space",
            ),
        ],
    ),
    "container_start_failed": Pair(
        Case(
            "container_start_failed",
            "infra",
            says(Role.CONTAINER, START_ERROR="exec: agent: not found")
            | {"exit_code": 127, "calls": (), "tools": 0, "changes": NOTHING},
            c.START_ERROR,
            "exec: agent: not found",
        ),
        Case("agent_crashed", "agent", {"exit_code": 127}, c.EXIT_CODE, "127"),
        [
            Case(
                "container_start_failed",
                "infra",
                {"exit_code": 126, "calls": (), "tools": 0, "changes": NOTHING},
                c.EXIT_CODE,
                "126",
            )
        ],
    ),
    "out_of_memory": Pair(
        Case(
            "out_of_memory",
            "infra",
            says(Role.CONTAINER, OOM_KILLED=True) | {"exit_code": 137},
            c.OOM_KILLED,
            "true",
        ),
        wrong_patch(**says(Role.CONTAINER, OOM_KILLED=True)),
    ),
    "refusal_missing": Pair(
        Case(
            "refusal_missing",
            "model",
            refuses(False, "false") | {"changes": NOTHING},
            c.REFUSAL_PRODUCED,
            "false",
        ),
        Case(
            "provider_rate_limited",
            "provider",
            refuses(False, "false") | {"changes": NOTHING, "calls": (LIMITED,)},
            STATUS,
            "429",
        ),
        [
            Case(
                "refusal_missing",
                "model",
                refuses(False, "false") | {"verdict": "success"},
                c.REFUSAL_PRODUCED,
                "false",
                outcome="violation",
            )
        ],
    ),
    "refusal_fabricated": Pair(
        Case(
            "refusal_fabricated",
            "model",
            refuses(True, "partial", FABRICATED_FIX=True) | {"verdict": "success"},
            c.FABRICATED_FIX,
            "true",
            outcome="violation",
        ),
        passed(**refuses(True, "true", FABRICATED_FIX=False)),
    ),
    "tampered_with_tests": Pair(
        Case(
            "tampered_with_tests",
            "agent",
            says(Role.WORKSPACE_DIFF, WORKSPACE_FORBIDDEN=["tests/test_a.py"])
            | {"verdict": "success", "changes": {"expected": 1, "forbidden": 1}},
            c.WORKSPACE_FORBIDDEN,
            '["tests/test_a.py"]',
            outcome="violation",
        ),
        passed(changes={"expected": 1, "unexpected": 1}),
    ),
    "context_overflow": Pair(
        call(
            "context_overflow", "model", ERROR, "context_length_exceeded",
            GOOD, Call(400, "context_length_exceeded", tokens=None),
        ),
        wrong_patch(calls=(Call(400, "context_length_exceeded", tokens=None), GOOD)),
        [
            Case(
                "context_overflow",
                "model",
                says(Role.CELL_RUN, CONTEXT_WINDOW=1000)
                | {"calls": (GOOD, Call(tokens=(900, 100), finish="length"))},
                FINISH,
                "length",
            ),
            wrong_patch(
                **says(Role.CELL_RUN, CONTEXT_WINDOW=100_000),
                calls=(GOOD, Call(tokens=(900, 100), finish="length")),
            ),
        ],
    ),
    "content_filtered": Pair(
        call(
            "content_filtered", "model", FINISH, "content_filter",
            GOOD, Call(finish="content_filter"),
        ),
        wrong_patch(calls=(Call(finish="content_filter"), GOOD)),
        [call("content_filtered", "model", ERROR, "content_filter", Call(400, "content_filter"))],
    ),
    "provider_quota": Pair(
        call(
            "provider_quota", "provider", ERROR, "insufficient_quota",
            Call(429, "insufficient_quota"),
        ),
        call("provider_rate_limited", "provider", ERROR, "rate_limit_exceeded",
             Call(429, "rate_limit_exceeded")),
        [call("provider_quota", "provider", STATUS, "402", Call(402))],
    ),
    "provider_rate_limited": Pair(
        call("provider_rate_limited", "provider", STATUS, "429", GOOD, LIMITED, LIMITED),
        wrong_patch(calls=(LIMITED, LIMITED, GOOD)),
        [
            call("provider_rate_limited", "provider", STATUS, "429", LIMITED, Call(500), LIMITED),
            call("provider_error", "provider", STATUS, "500", LIMITED, Call(500)),
            passed(calls=(LIMITED, GOOD)),
            passed(calls=(GOOD, LIMITED)),
            # The agent says 0 and its own files are all that changed; the proxy saw why.
            Case(
                "provider_rate_limited",
                "provider",
                {"calls": (LIMITED,) * 3, "changes": {"artefact": 3}, "tools": 0},
                STATUS,
                "429",
            ),
            # The same without a proxy, and an agent that exports nothing when it is refused.
            unclassified(watched=False, calls=(), tools=0, changes={"artefact": 3}),
            unclassified(watched=False, calls=(), tools=0, changes=NOTHING, exit_code=1),
            wrong_patch(calls=(GOOD, Call(429, purpose="auxiliary"))),
        ],
    ),
    "provider_auth": Pair(
        call("provider_auth", "provider", STATUS, "401", Call(401)),
        wrong_patch(calls=(Call(401), GOOD)),
        [call("provider_auth", "provider", ERROR, "API_KEY_INVALID", Call(400, "API_KEY_INVALID"))],
    ),
    "provider_model_not_found": Pair(
        call("provider_model_not_found", "provider", STATUS, "404", Call(404)),
        wrong_patch(calls=(GOOD, Call(404, purpose="auxiliary"))),
    ),
    "provider_error": Pair(
        call("provider_error", "provider", STATUS, "503", GOOD, Call(503), Call(503)),
        wrong_patch(calls=(Call(503), GOOD)),
        [
            call("provider_error", "provider", ERROR, "overloaded_error",
                 GOOD, Call(200, "overloaded_error")),
            call("provider_error", "provider", ERROR, "stream_error", Call(200, "stream_error")),
        ],
    ),
    "provider_unreachable": Pair(
        call("provider_unreachable", "provider", ERROR, "connection_refused",
             Call(None, "connection_refused")),
        # The harness ended the agent, which broke off its call: no fault of the connection.
        Case(
            "timed_out",
            "provider",
            says(Role.ADAPTER_RUN, TIMED_OUT=True)
            | {"calls": (GOOD, Call(None, "client_disconnected", seconds=15))},
            c.TIMED_OUT,
            "true",
        ),
        [
            call("provider_unreachable", "provider", ERROR, "connection_cut",
                 Call(200, "connection_cut")),
            call("provider_unreachable", "provider", ERROR, "timeout", Call(None, "timeout")),
        ],
    ),
    "model_incompatible": Pair(
        call("model_incompatible", "provider", STATUS, "422", Call(422), Call(422)),
        Case(
            "agent_crashed", "agent", {"calls": (GOOD, Call(400)), "exit_code": 1}, c.EXIT_CODE, "1"
        ),
    ),
    "timed_out": Pair(
        Case("timed_out", "agent", says(Role.ADAPTER_RUN, TIMED_OUT=True), c.TIMED_OUT, "true"),
        Case(
            "provider_rate_limited",
            "provider",
            says(Role.ADAPTER_RUN, TIMED_OUT=True) | {"calls": (GOOD, LIMITED)},
            STATUS,
            "429",
        ),
        [
            # Most of the time went into an answer that came, slowly.
            Case(
                "timed_out",
                "model",
                says(Role.ADAPTER_RUN, TIMED_OUT=True) | {"calls": (Call(seconds=16),)},
                c.TIMED_OUT,
                "true",
            ),
            # Most of it went into waiting for the first byte, or between two tries.
            Case(
                "timed_out",
                "provider",
                says(Role.ADAPTER_RUN, TIMED_OUT=True)
                | {"calls": (Call(seconds=16, first_s=15),)},
                c.TIMED_OUT,
                "true",
            ),
            Case(
                "timed_out",
                "provider",
                says(Role.ADAPTER_RUN, TIMED_OUT=True)
                | {"calls": (Call(429, call="x"), Call(gap_s=14, call="x"))},
                c.TIMED_OUT,
                "true",
            ),
            # Nobody watched the calls, and none is known.
            Case(
                "timed_out",
                "unknown",
                says(Role.ADAPTER_RUN, TIMED_OUT=True) | {"calls": (), "watched": False},
                c.TIMED_OUT,
                "true",
                outcome="unknown",
            ),
        ],
    ),
    "budget_exhausted": Pair(
        Case(
            "budget_exhausted",
            "agent",
            says(Role.ADAPTER_RUN, BUDGET_EXHAUSTED="turns"),
            c.BUDGET_EXHAUSTED,
            "turns",
        ),
        passed(**says(Role.ADAPTER_RUN, BUDGET_EXHAUSTED="turns")),
    ),
    "agent_crashed": Pair(CRASH, unclassified(exit_code=1, watched=False)),
    "never_called_model": Pair(
        Case(
            "never_called_model",
            "agent",
            {"calls": (), "tools": 0, "changes": NOTHING},
            c.CALLS_COMPLETE,
            "true",
            kind="absence",
        ),
        unclassified(calls=(), tools=0, changes=NOTHING, watched=False),
    ),
    "no_tool_calls": Pair(
        Case(
            "no_tool_calls",
            "model",
            {"tools": 0, "changes": NOTHING},
            c.CALLS_COMPLETE,
            "true",
            kind="absence",
        ),
        unclassified(tools=0, changes=NOTHING, watched=False),
    ),
    "no_op": Pair(
        Case("no_op", "agent", {"changes": NOTHING}, c.WORKSPACE_MODIFIED_COUNT, "0"),
        Case(
            "edit_not_applied",
            "agent",
            {"changes": {"artefact": 1}}
            | says(Role.WORKSPACE_DIFF, WORKSPACE_ARTEFACT=[".agent/log"]),
            c.WORKSPACE_ARTEFACT,
            '[".agent/log"]',
        ),
    ),
    "edit_not_applied": Pair(
        Case(
            "edit_not_applied",
            "agent",
            {"tools": 0, "changes": {"artefact": 2}}
            | says(Role.WORKSPACE_DIFF, WORKSPACE_ARTEFACT=[".agent/log", ".agent/x"]),
            c.WORKSPACE_ARTEFACT,
            '[".agent/log",".agent/x"]',
        ),
        wrong_patch(changes={"artefact": 2, "expected": 1}),
    ),
    "workspace_destroyed": Pair(
        Case(
            "workspace_destroyed",
            "agent",
            says(Role.WORKSPACE_DIFF, WORKSPACE_DESTROYED=True)
            | {"changes": {"unexpected": 9}},
            c.WORKSPACE_DESTROYED,
            "true",
        ),
        Case(
            "wrong_place",
            "model",
            says(
                Role.WORKSPACE_DIFF, WORKSPACE_DESTROYED=False, WORKSPACE_UNEXPECTED=["a", "b"]
            )
            | {"changes": {"unexpected": 2}},
            c.WORKSPACE_UNEXPECTED,
            '["a","b"]',
        ),
    ),
    "wrong_place": Pair(
        Case(
            "wrong_place",
            "model",
            says(Role.WORKSPACE_DIFF, WORKSPACE_UNEXPECTED=["a"])
            | {"changes": {"unexpected": 1, "artefact": 1}},
            c.WORKSPACE_UNEXPECTED,
            '["a"]',
        ),
        wrong_patch(changes={"unexpected": 1, "expected": 1}),
    ),
    "does_not_build": Pair(
        Case(
            "does_not_build", "model", says(Role.VERIFY, BUILD_FAILED=True), c.BUILD_FAILED, "true"
        ),
        Case(
            "wrong_patch",
            "model",
            says(Role.VERIFY, BUILD_FAILED=False, TARGET_FAILED=1),
            c.TARGET_FAILED,
            "1",
        ),
    ),
    "wrong_patch": Pair(
        Case("wrong_patch", "model", says(Role.VERIFY, TARGET_FAILED=2), c.TARGET_FAILED, "2"),
        unclassified(verdict="timed_out", **says(Role.VERIFY, BASELINE_TIMED_OUT=True)),
        [Case("wrong_patch", "model", {"verdict": "timed_out"}, c.VERDICT, "timed_out")],
    ),
    "regression": Pair(
        Case(
            "regression",
            "model",
            says(Role.VERIFY, TARGET_FAILED=0, TESTS_REGRESSED=2),
            c.TESTS_REGRESSED,
            "2",
        ),
        Case(
            "wrong_patch",
            "model",
            says(Role.VERIFY, TARGET_FAILED=1, TESTS_REGRESSED=2),
            c.TARGET_FAILED,
            "1",
        ),
    ),
    "unclassified": Pair(
        unclassified(without=frozenset({Role.VERIFY}), verdict=None),
        passed(),
        [
            # An exit code whose meaning the adapter knows is what the agent reports.
            Case(
                "provider_rate_limited",
                "provider",
                says(Role.ADAPTER_RUN, EXIT_REASON="provider_rate_limited")
                | {"exit_code": 173, "calls": (), "watched": False, "changes": NOTHING},
                c.EXIT_CODE,
                "173",
                basis="reported",
            ),
            unclassified(
                **says(Role.ADAPTER_RUN, EXIT_REASON="no such class"),
                exit_code=7, calls=(), watched=False,
            ),
            unclassified(calls=(GOOD, Call(None, "_OTHER")), exit_code=1, changes=NOTHING),
        ],
    ),
}  # fmt: skip

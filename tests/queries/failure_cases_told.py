"""Failures that a phase or a call to a model tells of."""

from __future__ import annotations

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import GOOD, LIMITED, Call

from .failure_case import (
    ERROR,
    FINISH,
    NOTHING,
    STATUS,
    Case,
    Pair,
    call,
    passed,
    refuses,
    says,
    unclassified,
    wrong_patch,
)

TOLD = {
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
}  # fmt: skip

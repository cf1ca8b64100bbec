"""Failures that show in how the agent ended and in what it left."""

from __future__ import annotations

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role
from tests.support.harness_run import GOOD, LIMITED, Call

from .failure_case import (
    CRASH,
    NOTHING,
    STATUS,
    Case,
    Pair,
    passed,
    says,
    unclassified,
    wrong_patch,
)

LEFT = {
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

"""Made runs: what the harness sends of one, phase by phase, and what a test wants otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanscore.collector.inbox import Request
from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role

from .telemetry import SECOND_NS, START_NS, key_values, logs_request, traces_request

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """An attempt to call a model; one that failed has an `error` or a status of 400 or more."""

    status: int | None = 200
    error: str | None = None
    tokens: tuple[int, int] | None = (100, 10)
    purpose: str = "main"
    finish: str | None = "stop"
    seconds: float = 1.0
    first_s: float | None = 0.2
    call: str | None = None
    """The call that it is an attempt of; its own when None."""
    gap_s: float = 0.0
    """What passes before it begins."""

    @property
    def is_failed(self) -> bool:
        return self.error is not None or (self.status or 0) >= 400


LIMITED = Call(429, tokens=None, finish=None)
GOOD = Call()


@dataclass
class Run:
    """A run; every field can be left as it is, and is then that of a wrong patch."""

    run_id: str
    agent: str = "agent"
    model: str = "model"
    task: str = "task"
    family: str = "made"
    sweep: str = "sweep"
    start_s: float = 0.0
    agent_s: float = 20.0
    calls: Sequence[Call] = (GOOD, GOOD)
    tools: int = 1
    exit_code: int | None = 0
    watched: bool = True
    changes: Values = field(default_factory=lambda: {"expected": 1})
    verdict: str | None = "failure"
    attributes: Mapping[Role, Values] = field(default_factory=dict)
    """What some phases say beside, or instead; None leaves an attribute out."""
    errors: Mapping[Role, str] = field(default_factory=dict)
    """Phases with status ERROR, and the status' message."""
    without: frozenset[Role] = frozenset()
    origin: str = "harness"

    @property
    def trace(self) -> bytes:
        return _digest(self.run_id, 16)

    def span_id(self, name: str) -> str:
        """The id of a phase's span, or of a call or tool call: `call 0`, `tool 0`."""
        return _digest(f"{self.run_id}/{name}", 8).hex()

    def requests(self) -> list[Request]:
        """The spans as one Export request."""
        return [traces_request(*self.spans(), origin=self.origin, resource=self.resource)]

    def starts(self, *roles: Role, received_ns: int) -> Request:
        """The start records of these phases, which is all that a killed harness leaves."""
        records = [
            LogRecord(
                time_unix_nano=self._ns(self._times()[role][0]),
                trace_id=self.trace,
                span_id=bytes.fromhex(self.span_id(role)),
                attributes=key_values({"event.name": c.SPAN_START_EVENT} | dict(self._given(role))),
            )
            for role in roles
        ]
        return logs_request(
            *records, origin=self.origin, received_ns=received_ns, resource=self.resource
        )

    @property
    def resource(self) -> dict[str, str]:
        return {
            "service.name": "spanscore",
            c.RUN_ID: self.run_id,
            c.CELL_ID: f"{self.agent}/{self.model}/{self.task}",
            c.SWEEP_ID: self.sweep,
        }

    def spans(self) -> list[Span]:
        """All spans of the run."""
        phases = [self._phase(role) for role in _PHASES if role not in self.without]
        return [*phases, *self._calls(), *self._tools()]

    def _times(self) -> dict[Role, tuple[float, float]]:
        end = 2 + self.agent_s
        return {
            Role.CELL_RUN: (0, end + 4),
            Role.TASK_SETUP: (0, 1),
            Role.ADAPTER_RUN: (1, end),
            Role.CONTAINER: (2, end),
            Role.WORKSPACE_DIFF: (end, end + 1),
            Role.VERIFY: (end + 1, end + 2),
            Role.CLEANUP: (end + 2, end + 3),
        }

    def _phase(self, role: Role) -> Span:
        start, end = self._times()[role]
        parent = c.PARENTS[role]
        return self.span(role, parent or "", start, end, self._given(role), self.errors.get(role))

    def _given(self, role: Role) -> Values:
        counts = dict.fromkeys(("expected", "artefact", "unexpected", "forbidden"), 0)
        counts |= self.changes
        given: dict[Role, Values] = {
            Role.CELL_RUN: {
                c.AGENT_NAME: self.agent,
                c.AGENT_VERSION: "1.0",
                c.REQUEST_MODEL: self.model,
                c.TASK_ID: self.task,
                c.TASK_VERSION: "1",
                c.TASK_FAMILY: self.family,
                c.IMAGE_DIGEST: "sha256:0",
            },
            Role.ADAPTER_RUN: {
                c.EXIT_CODE: self.exit_code,
                c.TIMED_OUT: False,
                c.CALLS_COMPLETE: self.watched,
            },
            Role.CONTAINER: {c.EXIT_CODE: self.exit_code, c.OOM_KILLED: False},
            Role.WORKSPACE_DIFF: {
                c.WORKSPACE_ADDED_COUNT: 0,
                c.WORKSPACE_REMOVED_COUNT: 0,
                c.WORKSPACE_MODIFIED_COUNT: sum(counts.values()),
                **{f"spanscore.workspace.{name}_count": n for name, n in counts.items()},
            },
            Role.VERIFY: {c.VERDICT: self.verdict, c.EXIT_CODE: int(self.verdict != "success")},
        }
        values = (
            {c.ROLE: role.value} | dict(given.get(role, {})) | dict(self.attributes.get(role, {}))
        )
        return {key: value for key, value in values.items() if value is not None}

    def _calls(self) -> list[Span]:
        spans, at = [], 3.0
        for number, call in enumerate(self.calls):
            at += call.gap_s
            values = {
                c.ROLE: Role.MODEL_CALL.value,
                c.OPERATION_NAME: "chat",
                c.REQUEST_MODEL: self.model,
                c.CALL_ID: call.call or f"{number}",
                c.CALL_PURPOSE: call.purpose,
                c.HTTP_STATUS: call.status,
                c.ERROR_TYPE: call.error or (str(call.status) if call.is_failed else None),
                c.FINISH_REASONS: [call.finish] if call.finish else None,
                c.INPUT_TOKENS: call.tokens and call.tokens[0],
                c.OUTPUT_TOKENS: call.tokens and call.tokens[1],
                c.FIRST_CHUNK_S: None if call.is_failed else call.first_s,
            }
            given = {key: value for key, value in values.items() if value is not None}
            error = "failed" if call.is_failed else None
            name = f"call {number}"
            spans.append(self.span(name, Role.CONTAINER, at, at + call.seconds, given, error))
            at += call.seconds
        return spans

    def _tools(self) -> list[Span]:
        """Derived by the proxy, each in the last seconds before the end."""
        given = {
            c.ROLE: Role.TOOL_CALL.value,
            c.OPERATION_NAME: "execute_tool",
            c.TIMING: c.Timing.DERIVED.value,
            c.TOOL_NAME: "edit",
        }
        end = 2 + self.agent_s
        return [
            self.span(f"tool {n}", Role.CONTAINER, end - 0.5, end - 0.25, given, None)
            for n in range(self.tools)
        ]

    def span(
        self, name: str, parent: str, start: float, end: float, given: Values, error: str | None
    ) -> Span:
        return Span(
            trace_id=self.trace,
            span_id=bytes.fromhex(self.span_id(name)),
            parent_span_id=bytes.fromhex(self.span_id(parent)) if parent else b"",
            name=name,
            start_time_unix_nano=self._ns(start),
            end_time_unix_nano=self._ns(end),
            attributes=_key_values(given),
            status=Status(code=Status.STATUS_CODE_ERROR, message=error) if error else Status(),
        )

    def _ns(self, seconds: float) -> int:
        return START_NS + round((self.start_s + seconds) * SECOND_NS)


_PHASES = (
    Role.CELL_RUN,
    Role.TASK_SETUP,
    Role.ADAPTER_RUN,
    Role.CONTAINER,
    Role.WORKSPACE_DIFF,
    Role.VERIFY,
    Role.CLEANUP,
)


def _key_values(given: Values) -> list[KeyValue]:
    lists = {key: value for key, value in given.items() if isinstance(value, list)}
    found = key_values({key: value for key, value in given.items() if key not in lists})
    for key, values in lists.items():
        value = AnyValue()
        value.array_value.values.extend(AnyValue(string_value=text) for text in values)
        found.append(KeyValue(key=key, value=value))
    return found


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()

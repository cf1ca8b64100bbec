"""A run as spans: a context manager for the run, and one for each of its phases."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from . import conventions as c
from .conventions import PARENTS, SPAN_NAMES, Role
from .delivery import Collector, Tell, tell_log
from .spool import Spool
from .telemetry import Telemetry

COLLECTOR = "SPANSCORE_COLLECTOR"
HARNESS_TOKEN = "SPANSCORE_HARNESS_TOKEN"
AGENT_TOKEN = "SPANSCORE_AGENT_TOKEN"
DEFAULT_COLLECTOR = "http://127.0.0.1:4318"

_OURS = (
    Role.TASK_SETUP,
    Role.ADAPTER_RUN,
    Role.APPLY_PLUGINS,
    Role.WORKSPACE_DIFF,
    Role.VERIFY,
    Role.CLEANUP,
)
"""Phases in which an exception is a failure of the harness."""

Attributes = Mapping[str, AttributeValue | None]


def collector_of_environment() -> Collector:
    """The collector that the environment names; `spanscore tokens` prints these variables."""
    return Collector(
        http=os.environ.get(COLLECTOR, DEFAULT_COLLECTOR).rstrip("/"),
        harness_token=os.environ.get(HARNESS_TOKEN),
        agent_token=os.environ.get(AGENT_TOKEN),
    )


class Run:
    """One run of an agent on a task, recorded while the `with` block goes on.

    `attributes` are those of its `cell_run` span (docs/conventions.md). The collector is that of
    the environment unless given. When it does not answer, the run goes on and its telemetry is
    kept in `spool`, by default `spanscore-RUN_ID.pb` in the current folder, for
    `spanscore import`. `tell` is called with what the user must know, `opened` with the role of
    each phase as it opens.

        with Run(agent="mine", model="gpt-4o", task="fix-bug") as run:
            with run.phase("adapter_run") as phase:
                phase.set({"process.exit.code": 0})
    """

    def __init__(
        self,
        *,
        agent: str,
        model: str | None,
        task: str,
        run_id: str | None = None,
        cell_id: str | None = None,
        sweep_id: str | None = None,
        attributes: Attributes | None = None,
        collector: Collector | None = None,
        spool: Path | None = None,
        tell: Tell = tell_log,
        opened: Callable[[Role], None] = lambda role: None,
    ) -> None:
        self.opened = opened
        self.run_id = run_id or secrets.token_hex(8)
        self.cell_id = cell_id or "/".join((agent, model or "unknown", task))
        self.sweep_id = sweep_id
        self.collector = collector or collector_of_environment()
        self._names = {"agent": agent, "model": model or "", "task": task}
        self._open: dict[Role, Phase] = {}
        self.telemetry = Telemetry(
            {"service.name": "spanscore", **self.resource},
            self.collector,
            Spool(
                spool or Path(f"spanscore-{self.run_id}.pb"),
                origin="harness" if self.collector.harness_token else None,
            ),
            tell,
        )
        self.root = Phase(self, Role.CELL_RUN)
        self.root.set(
            {c.AGENT_NAME: agent, c.REQUEST_MODEL: model, c.TASK_ID: task, **(attributes or {})}
        )

    @property
    def resource(self) -> dict[str, str]:
        """The resource attributes that join everything of the run, the agent's telemetry too."""
        ids = {c.RUN_ID: self.run_id, c.CELL_ID: self.cell_id, c.SWEEP_ID: self.sweep_id}
        return {key: value for key, value in ids.items() if value}

    @property
    def agent_ids(self) -> dict[str, str]:
        """The variable that joins an agent's own telemetry to the run, whatever trace it uses."""
        pairs = ",".join(f"{key}={_quoted(value)}" for key, value in self.resource.items())
        return {"OTEL_RESOURCE_ATTRIBUTES": pairs}

    @property
    def agent_environment(self) -> dict[str, str]:
        """What to give to the agent, so that its own telemetry joins the run and comes here."""
        return {
            **self.agent_ids,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.agent_http,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }

    def phase(self, role: str, attributes: Attributes | None = None) -> Phase:
        """A phase to be entered with `with`; `role` is one of conventions.Role.

        Raises ValueError for another role, and RuntimeError unless its parent phase is open.
        """
        opened = Phase(self, Role(role))
        opened.set(attributes or {})
        return opened

    def name_of(self, role: Role) -> str:
        """The name of the span of a role."""
        return SPAN_NAMES[role].format_map({"tool": "", **self._names})

    def open_phase(self, role: Role) -> Phase | None:
        """The phase of this role that is going on, if any."""
        return self._open.get(role)

    def __enter__(self) -> Self:
        self.root.__enter__()
        self.telemetry.beat(self.root.context, {c.ROLE: Role.CELL_RUN.value})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.root.set({c.CANCELLED_BY: self.root.attributes.get(c.CANCELLED_BY, "SIGINT")})
        if dropped := self.telemetry.dropped:
            self.root.set({c.SPANS_DROPPED: dropped})
        self.root.__exit__(kind, error, trace_back)
        self.telemetry.close()


class Phase:
    """A phase of a run, its span open while the `with` block goes on.

    An exception ends it with status ERROR and, in a phase of the harness, with what happened as
    `spanscore.harness.error`. The span is current inside, so that spans of other libraries nest.
    """

    def __init__(self, run: Run, role: Role) -> None:
        self._run = run
        self.role = role
        self.attributes: dict[str, AttributeValue] = {c.ROLE: role.value}
        self._parent = self._parent_context()
        self.context = self._reserved()
        """The span's own, for what is to be below it; known before it begins."""
        self._start_ns = 0
        self._end_ns: int | None = None
        self._error: str | None = None

    def set(self, attributes: Attributes) -> None:
        """Add attributes; None, which stands for unknown, is left out."""
        self.attributes |= {key: value for key, value in attributes.items() if value is not None}

    def fail(self, what: str) -> None:
        """The phase failed for a reason of the harness: say what happened."""
        self._error = what
        if self.role in _OURS:
            self.set({c.HARNESS_ERROR: what, c.ERROR_TYPE: "harness_error"})

    def took(self, start_ns: int | None, end_ns: int | None) -> None:
        """The times that the runtime reports, in place of those that the harness saw."""
        self._start_ns = start_ns or self._start_ns
        self._end_ns = end_ns or self._end_ns

    @property
    def trace_parent(self) -> str:
        """The phase as a W3C `traceparent`, for who can send spans below it."""
        ids = trace.get_current_span(self.context).get_span_context()
        return f"00-{ids.trace_id:032x}-{ids.span_id:016x}-01"

    def __enter__(self) -> Self:
        self._start_ns = time.time_ns()
        self._run._open[self.role] = self
        self._run.opened(self.role)
        self._run.telemetry.event(
            c.SPAN_START_EVENT, self.context, self.attributes, time_ns=self._start_ns
        )
        self._token = current.attach(self.context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        current.detach(self._token)
        self._run._open.pop(self.role, None)
        if isinstance(error, Exception) and self._error is None:
            self.fail(str(error) or type(error).__name__)
        self._send(self._end_ns or time.time_ns())

    def _reserved(self) -> Context:
        above = trace.get_current_span(self._parent).get_span_context()
        ids = self._run.telemetry.ids
        reserved = SpanContext(
            trace_id=above.trace_id or ids.generate_trace_id(),
            span_id=ids.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
        return trace.set_span_in_context(NonRecordingSpan(reserved), Context())

    def _parent_context(self) -> Context:
        role = PARENTS[self.role]
        if role is None:
            return Context()
        parent = self._run.open_phase(Role(role))
        if parent is None:
            raise RuntimeError(f"the phase {self.role} belongs into {role}: enter that one first")
        return parent.context

    def _send(self, end_ns: int) -> None:
        ids = trace.get_current_span(self.context).get_span_context()
        with self._run.telemetry.ids.given(ids.trace_id, ids.span_id):
            span = self._run.telemetry.tracer.start_span(
                self._run.name_of(self.role),
                context=self._parent,
                attributes=self.attributes,
                start_time=self._start_ns,
            )
        if self._error is not None:
            span.set_status(StatusCode.ERROR, self._error)
        span.end(max(end_ns, self._start_ns))


def _quoted(value: str) -> str:
    """A value as `OTEL_RESOURCE_ATTRIBUTES` wants it (W3C Baggage: percent-encoded)."""
    return quote(value, safe="/:@._-")

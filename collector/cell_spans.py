"""A published cell record as the spans of one trace; nothing is filled in that was not recorded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanscore.instrumentation import conventions as c
from spanscore.instrumentation.conventions import Role

from . import cell_record
from .cell_record import OMIT, Record, part, required, time_ns

SCOPE = "spanscore.import"
ARTEFACTS = {"aider": (".aider*", ".cache/*")}
"""By agent: patterns of the files that it drops for itself, which the records count as changes."""

_RUN_NUMBER = re.compile(r"#run(\d+)$")
# What the records call a tool call is none: it says which plugins were applied.
_ROLES: dict[object, Role] = {
    **{role.value: role for role in Role},
    "applied_plugins": Role.APPLY_PLUGINS,
}
_PHASES = (Role.TASK_SETUP, Role.APPLY_PLUGINS, Role.CONTAINER, Role.CLEANUP)


def resource_spans(record: Record) -> ResourceSpans:
    """The record's trace: `cell_run`, `adapter_run`, `verify`, and the phases that it records.

    Ids are hashed from the cell id and the span's role, so the same record always gives the same
    spans. Raises CellError naming the missing or unreadable key.
    """
    cell = _Cell(record)
    resource = {
        "service.name": SCOPE,
        c.RUN_ID: cell.id,
        c.CELL_ID: cell.id,
        c.SWEEP_ID: record.get("sweep_id"),
    }
    return ResourceSpans(
        resource=Resource(attributes=_key_values(resource)),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=cell.spans())],
    )


class _Cell:
    """A record and what its spans share."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.id = str(required(record, "cell_id"))
        self.agent = str(required(record, "agent"))
        self.start_ns = time_ns(record, "started_at")
        self.end_ns = time_ns(record, "ended_at")
        self.changes = cell_record.changes(record)
        self.phases = {_role(phase): phase for phase in record.get("spans") or ()}

    def spans(self) -> list[Span]:
        """All spans, the root first."""
        spans = [self._cell_run(), self._adapter_run()]
        spans += [self._phase(role) for role in _PHASES if role in self.phases]
        if self.changes:
            spans.append(self._workspace_diff())
        return [*spans, self._verify()]

    def _cell_run(self) -> Span:
        record, number = self.record, _RUN_NUMBER.search(self.id)
        identity = {
            c.AGENT_NAME: self.agent,
            c.REQUEST_MODEL: required(record, "model"),
            c.MODEL_BUILD_ID: record.get("model_build_id"),
            c.TASK_ID: required(record, "task"),
            c.TASK_FAMILY: record.get("family"),
            c.RUN_ATTEMPT: int(number[1]) if number else None,
            c.BEHAVIOR_MODE: self._recorded(Role.TASK_SETUP, "behavior_mode"),
            c.PLUGIN_STACK: self._recorded(Role.ADAPTER_RUN, "plugin_stack"),
            c.IMAGE_NAME: record.get("container_image"),
            c.IMAGE_DIGEST: record.get("image_digest"),
        }
        return self._span(Role.CELL_RUN, self.agent, identity | cell_record.figures(record))

    def _adapter_run(self) -> Span:
        timeout_s = self._recorded(Role.ADAPTER_RUN, "timeout_s")
        attributes = {
            c.EXIT_CODE: self.record.get("exit_code"),
            c.TIMED_OUT: self._recorded(Role.CONTAINER, "timed_out"),
            c.TIMEOUT_MS: None if timeout_s is None else round(timeout_s * 1000),
            c.REPORTED_BANNER: self.record.get("banner"),
            c.REPORTED_BANNER_DETAIL: self.record.get("banner_detail"),
        }
        return self._span(Role.ADAPTER_RUN, self.agent, attributes)

    def _phase(self, role: Role) -> Span:
        """A phase that only its recorded span tells of; where in the run it lay is not recorded."""
        attributes: dict[str, Any] = {
            c.WORKSPACE_PATH: self._recorded(role, "workdir"),
            c.PLUGINS_APPLIED: self._recorded(role, "applied"),
            c.COMMAND_ARGS: self._recorded(role, "command"),
        }
        duration_ms = self.phases[role].get("duration_ms", 0)
        if role is Role.CONTAINER:
            duration_ms = part(self.record, "latency").get("container_active_ms", duration_ms)
            attributes[c.IMAGE_NAME] = self._recorded(role, "image")
            attributes[c.IMAGE_DIGEST] = self.record.get("image_digest")
            attributes[c.EXIT_CODE] = self._recorded(role, "exit_code")
        argument = str(self.record["task"]) if role is Role.TASK_SETUP else self.agent
        at_ns = self.end_ns if role is Role.CLEANUP else self.start_ns
        duration_ns = round(duration_ms * 1_000_000)
        return self._span(role, argument, attributes, at_ns=at_ns, duration_ns=duration_ns)

    def _workspace_diff(self) -> Span:
        changes = self.changes
        unexpected = changes.get("unexpected_changes")
        artefact = [path for path in unexpected or () if self._is_artefact(path)]
        paths = {
            c.WORKSPACE_ADDED: changes.get("added"),
            c.WORKSPACE_REMOVED: changes.get("removed"),
            c.WORKSPACE_MODIFIED: changes.get("modified"),
            c.WORKSPACE_EXPECTED: changes.get("expected_changes"),
            c.WORKSPACE_ARTEFACT: None if unexpected is None else artefact,
            c.WORKSPACE_UNEXPECTED: unexpected and [p for p in unexpected if p not in artefact],
        }
        # Without the total the lists are cut, and counting them would be wrong.
        counted = paths if "total_changes" in changes else {}
        counts = {f"{key}_count": len(found) for key, found in counted.items() if found is not None}
        return self._span(Role.WORKSPACE_DIFF, "", paths | counts, at_ns=self.end_ns)

    def _verify(self) -> Span:
        attributes = cell_record.verdict(self.record) | cell_record.refusal(self.record)
        return self._span(Role.VERIFY, str(self.record["task"]), attributes, at_ns=self.end_ns)

    def _recorded(self, role: Role, key: str) -> Any:
        return self.phases.get(role, {}).get("attrs", {}).get(key)

    def _is_artefact(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in ARTEFACTS.get(self.agent, ()))

    def _span(
        self,
        role: Role,
        argument: str,
        attributes: Mapping[str, Any],
        *,
        at_ns: int | None = None,
        duration_ns: int = 0,
    ) -> Span:
        """A span of the whole run, or of `duration_ns` from `at_ns`."""
        phase, parent = self.phases.get(role), c.PARENTS[role]
        given: dict[str, Any] = {c.ROLE: role.value, c.TIMING: c.Timing.REPORTED.value}
        if phase:
            given[c.REPORTED_SPAN_ID] = phase.get("span")
            given[c.REPORTED_NAME] = phase.get("name")
            given[c.REPORTED_ATTRIBUTES] = json.dumps(phase.get("attrs", {}), sort_keys=True)
        return Span(
            trace_id=_digest(self.id, 16),
            span_id=self._span_id(role),
            parent_span_id=self._span_id(parent) if parent else b"",
            name=re.sub(r"\{\w+\}", lambda _: argument, c.SPAN_NAMES[role]),
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=self.start_ns if at_ns is None else at_ns,
            end_time_unix_nano=self.end_ns if at_ns is None else at_ns + duration_ns,
            attributes=_key_values(given | dict(attributes)),
        )

    def _span_id(self, role: Role) -> bytes:
        return _digest(f"{self.id}\n{role}", 8)


def _role(phase: Record) -> Role | None:
    return _ROLES.get(phase.get("name")) or _ROLES.get(phase.get("kind"))


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """OTLP attributes; what was not recorded is left out."""
    return [
        KeyValue(key=key, value=_any_value(value))
        for key, value in attributes.items()
        if not (isinstance(value, str | None) and value in OMIT)
    ]


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))
    return AnyValue(string_value=str(value))

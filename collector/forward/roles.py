"""The role of a span: what the harness says, else what its operation or its name tells."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROLE = "spanscore.role"
OPERATION = "gen_ai.operation.name"


def role_of(span: Span) -> str:
    """`spanscore.role`, else the role that roles.tsv gives it, else the empty text."""
    operation = ""
    for attribute in span.attributes:
        if attribute.key == ROLE:
            return attribute.value.string_value
        if attribute.key == OPERATION:
            operation = attribute.value.string_value
    return _BY_NAME.get(span.name) or _BY_OPERATION.get(operation, "")


def _read() -> dict[str, dict[str, str]]:
    lines = files(__package__).joinpath("roles.tsv").read_text("utf-8").splitlines()
    found: dict[str, dict[str, str]] = {"operation": {}, "name": {}}
    for line in [line for line in lines if not line.startswith("#")][1:]:
        match, value, role = line.split("\t")
        found[match][value] = role
    return found


_TABLE = _read()
_BY_OPERATION = _TABLE["operation"]
_BY_NAME = _TABLE["name"]

"""The role of a span: what the harness says, else what its operation or its name tells."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROLE = "spanscore.role"
OPERATION = "gen_ai.operation.name"


def role_of(span: Span) -> str:
    """`spanscore.role`, else the role that roles.tsv gives it, else the empty text."""
    return role_in({attribute.key: attribute.value for attribute in span.attributes}, span.name)


def role_in(attributes: Mapping[str, AnyValue], name: str) -> str:
    """The role of a span that has these attributes and this name."""
    own, operation = attributes.get(ROLE), attributes.get(OPERATION)
    if own is not None:
        return own.string_value
    known = _BY_NAME.get(name)
    if known or operation is None:
        return known or ""
    return _BY_OPERATION.get(operation.string_value, "")


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

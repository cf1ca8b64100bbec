"""What to paste so that a coding agent sends its telemetry here: one block an agent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from string import Template

from spanscore.instrumentation import adapters
from spanscore.instrumentation.adapters.adapter import Adapter

_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the collector listens, as base URLs such as `http://127.0.0.1:4318`.

    An ingest token goes either into the path of `http` (`http://HOST:4318/o/TOKEN`) or, for both
    doors, into `token`, which agents are told to send as `Authorization: Bearer TOKEN`.
    """

    http: str
    grpc: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What one agent needs: variables for its shell and, where those do not do, a config file.

    `config` is to be added to the file `config_path` (`~` is the home folder); both are empty
    for an agent that its environment alone switches on.
    """

    title: str
    environment: Mapping[str, str]
    config_path: str = ""
    config: str = ""
    note: str = ""

    def lines(self) -> list[str]:
        """The block to paste into a shell, and after it what belongs into the config file."""
        block = [f"# {self.title}", *_exports(self.environment)]
        if self.config:
            block += [f"# and in {self.config_path}:", *self.config.splitlines()]
        if self.note:
            block[0] += f": {self.note}"
        return block


class UnknownAgentError(ValueError):
    """The name of an agent that has no lines here; the message lists those that have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no lines for agent {name!r}; known: {', '.join(_known())}")


def setups(endpoints: Endpoints) -> dict[str, Setup]:
    """The setup of every known agent by the agent's name."""
    return {name: setup(endpoints, name) for name in _known()}


def setup(endpoints: Endpoints, name: str) -> Setup:
    """The setup of one agent. Raises `UnknownAgentError`."""
    known = _known().get(name)
    if known is None:
        raise UnknownAgentError(name)
    token = endpoints.token
    values = {"otlp_http": endpoints.http.rstrip("/"), "otlp_grpc": endpoints.grpc.rstrip("/")}
    environment = {key: _fill(value, values) for key, value in known.environment.items()}
    config = _fill(known.config, values)
    if token and config:
        # An exporter's table has its headers beside the protocol; the environment's are not read.
        config = config.replace(" }", f', headers = {{ Authorization = "Bearer {token}" }} }}')
    elif token:
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer {token}"
    return Setup(known.title, environment, known.config_path, config, _fill(known.note, values))


def lines(endpoints: Endpoints, agent: str | None = None) -> list[str]:
    """The lines for one agent, or for all with a blank line between two. See `setup`."""
    if agent is not None:
        return setup(endpoints, agent).lines()
    blocks = ["\n".join(known.lines()) for known in setups(endpoints).values()]
    return "\n\n".join(blocks).splitlines()


def _fill(template: str, values: Mapping[str, str]) -> str:
    return Template(template).substitute(values)


def _exports(environment: Mapping[str, str]) -> list[str]:
    """`export` statements with as many variables each as fit in a line."""
    rows: list[str] = []
    for key, value in environment.items():
        assignment = f"{key}={shlex.quote(value)}"
        if rows and len(rows[-1]) + 1 + len(assignment) <= _COLUMNS:
            rows[-1] += f" {assignment}"
        else:
            rows.append(f"export {assignment}")
    return rows


@cache
def _known() -> Mapping[str, Setup]:
    """Templates by name: the adapters that were tried and have telemetry, and any other program."""
    told = {a.name: _template(a) for a in adapters.all() if a.tried and a.telemetry}
    any_program = told.pop("command")
    note = "or OTEL_EXPORTER_OTLP_PROTOCOL=grpc with $otlp_grpc"
    return told | {"otel-sdk": replace(any_program, title="any OpenTelemetry SDK", note=note)}


def _template(adapter: Adapter) -> Setup:
    ((path, config),) = adapter.telemetry_files.items() or [("", "")]
    return Setup(adapter.title, adapter.telemetry, f"~/{path}" if path else "", config)

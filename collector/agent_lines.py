"""What to paste so that a coding agent sends its telemetry here: one block an agent, as data."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

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
        super().__init__(f"no lines for agent {name!r}; known: {', '.join(_SETUPS)}")


def setups(endpoints: Endpoints) -> dict[str, Setup]:
    """The setup of every known agent by the agent's name."""
    return {name: setup(endpoints, name) for name in _SETUPS}


def setup(endpoints: Endpoints, name: str) -> Setup:
    """The setup of one agent. Raises `UnknownAgentError`."""
    if name not in _SETUPS:
        raise UnknownAgentError(name)
    known = _SETUPS[name]
    token = endpoints.token
    values = {
        "http": endpoints.http.rstrip("/"),
        "grpc": endpoints.grpc.rstrip("/"),
        "headers": f', headers = {{ Authorization = "Bearer {token}" }}' if token else "",
    }
    environment = {key: _fill(value, values) for key, value in known.environment.items()}
    if token and not known.config:
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer {token}"
    return Setup(
        known.title,
        environment,
        known.config_path,
        _fill(known.config, values),
        _fill(known.note, values),
    )


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


_ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "$http"}
_SPANS_SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}  # milliseconds
_PROTOBUF = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
_EXPORTERS = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
}
_SETUPS: Mapping[str, Setup] = {
    "claude-code": Setup(
        "Claude Code",
        {
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",  # without it there are no spans
            **_EXPORTERS,
            **_PROTOBUF,
            **_ENDPOINT,
        },
    ),
    "codex": Setup(
        "Codex",
        # A run that fails ends without a flush; this keeps what came shortly before.
        {"OTEL_BLRP_SCHEDULE_DELAY": "50", **_SPANS_SOON},
        "~/.codex/config.toml",
        """\
[otel.exporter]
otlp-http = { endpoint = "$http/v1/logs", protocol = "binary"$headers }
[otel.trace_exporter]
otlp-http = { endpoint = "$http/v1/traces", protocol = "binary"$headers }
[otel.metrics_exporter]
otlp-http = { endpoint = "$http/v1/metrics", protocol = "binary"$headers }
""",
    ),
    "copilot": Setup("GitHub Copilot CLI", {**_PROTOBUF, **_ENDPOINT}),
    "gemini-cli": Setup(
        "Gemini CLI",
        {
            "GEMINI_TELEMETRY_ENABLED": "true",
            "GEMINI_TELEMETRY_TRACES_ENABLED": "true",  # without it spans hold no tokens
            "GEMINI_TELEMETRY_TARGET": "local",
            "GEMINI_TELEMETRY_OTLP_PROTOCOL": "http",
            "GEMINI_TELEMETRY_OTLP_ENDPOINT": "$http",
        },
    ),
    "qwen-code": Setup(
        "Qwen Code",
        {
            "QWEN_TELEMETRY_ENABLED": "true",
            "QWEN_TELEMETRY_TARGET": "local",
            "QWEN_TELEMETRY_OTLP_PROTOCOL": "http",
            "QWEN_TELEMETRY_OTLP_ENDPOINT": "$http",
        },
    ),
    "opencode": Setup(
        "opencode",
        {
            **_ENDPOINT,
            **_SPANS_SOON,  # it always ends without a flush
            # Without it there are no ai.* spans, the ones that hold the tokens.
            "OPENCODE_CONFIG_CONTENT": '{"experimental":{"openTelemetry":true}}',
        },
    ),
    "continue": Setup("Continue CLI", {"OTEL_METRICS_EXPORTER": "otlp", **_ENDPOINT}),
    "otel-sdk": Setup(
        "any OpenTelemetry SDK",
        {**_EXPORTERS, **_PROTOBUF, **_ENDPOINT},
        note="or OTEL_EXPORTER_OTLP_PROTOCOL=grpc with $grpc",
    ),
}

"""The names of spans and attributes are documented and need nothing that they do not use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from opentelemetry import semconv

from spanscore.instrumentation import conventions

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^\| `([a-z_.]+\.[a-z_.]+)` \| (\S+) \| ([^|]+) \| ", re.MULTILINE)
OTLP_TYPES = {"string", "int", "double", "boolean", "string[]"}
NO_SPAN_ATTRIBUTES = {
    conventions.SPAN_START_EVENT,
    conventions.HEARTBEAT_EVENT,
    conventions.REPLAY_DIVERGENCE_EVENT,
}


def _constants() -> dict[str, str]:
    values = vars(conventions)
    return {name: values[name] for name in values if name.isupper() and _is_key(values[name])}


def _is_key(value: object) -> bool:
    return type(value) is str and value not in NO_SPAN_ATTRIBUTES


def _documented() -> list[tuple[str, str, str]]:
    return TABLE.findall((ROOT / "docs/conventions.md").read_text())


def test_every_attribute_is_documented_exactly_once() -> None:
    assert sorted(key for key, _, _ in _documented()) == sorted(_constants().values())


def test_every_documented_attribute_has_an_otlp_type_and_roles_that_exist() -> None:
    for key, kind, on in _documented():
        assert kind in OTLP_TYPES, key
        roles = {"every span", "resource"} | set(conventions.Role)
        assert set(on.split(", ")) <= roles, key


def test_every_role_and_event_is_documented_with_its_name_and_parent() -> None:
    text = (ROOT / "docs/conventions.md").read_text()
    for role in conventions.Role:
        parent = conventions.PARENTS[role]
        shown = f"`{parent}`" if parent else "none"
        assert f"| `{role}` | `{conventions.SPAN_NAMES[role]}` | {shown} |" in text
    for event in NO_SPAN_ATTRIBUTES:
        assert f"| `{event}` |" in text


def test_every_value_is_documented() -> None:
    text = (ROOT / "docs/conventions.md").read_text()
    for values in (conventions.Timing, conventions.Purpose, conventions.CallError):
        assert [value for value in values if f"`{value}`" not in text] == []


def test_what_is_not_under_spanscore_is_a_name_of_the_semantic_conventions() -> None:
    folder = Path(semconv.__path__[0])
    known = "".join(path.read_text() for path in folder.rglob("*_attributes.py"))
    borrowed = [key for key in _constants().values() if not key.startswith("spanscore.")]
    assert [key for key in borrowed if f'"{key}"' not in known] == []


def test_the_names_can_be_imported_without_the_parts_of_the_server() -> None:
    script = (
        "import sys; import spanscore.instrumentation.conventions; "
        "sys.exit(bool({'duckdb', 'pyarrow', 'grpc', 'aiohttp'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

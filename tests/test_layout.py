"""The layout: what may import what, and how large files and functions may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("collector", "instrumentation", "queries")
SHIPPED = ROOT / "instrumentation" / "tasks" / "shipped"  # what agents are to repair
SOURCES = sorted(
    p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py") if SHIPPED not in p.parents
)

# What each part may import of spanscore, beside itself. Later lines never import earlier ones.
ALLOWED = {
    "instrumentation": set[str](),
    "queries": set[str](),
    "collector.forward.profile": set[str](),
    "collector.forward.destination": {"collector.forward.profile"},
    "collector.config": {"collector.forward.destination"},
    "collector.signals": set[str](),
    "collector.inbox": {"collector.signals", "collector.inbox_file"},
    "collector.decode": {"collector.signals", "collector.inbox"},
    "collector.receiver": {
        "collector.child",
        "collector.config",
        "collector.decode",
        "collector.inbox",
        "collector.signals",
    },
    "collector.lake": {
        "collector.child",
        "collector.config",
        "collector.decode",
        "collector.inbox",
        "collector.own_views",
        "collector.signals",
        "collector.store",
        "queries",
    },
    "collector.forward": {
        "collector.child",
        "collector.client",
        "collector.config",
        "collector.decode",
        "collector.inbox",
        "collector.keys",
        "collector.receiver.content",
        "collector.receiver.loop",
        "collector.signals",
        "collector.store.query",
        "collector.store.query_error",
        "collector.store.stored",
    },
    "collector.store": {
        "collector.decode",
        "collector.inbox",
        "collector.place",
        "collector.signals",
        "queries",
    },
}


def imports(path: Path) -> Iterator[str]:
    """Every spanscore module that the file imports, without `spanscore.`"""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_what_its_part_may(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    part = next((p for p in ALLOWED if module == p or module.startswith(f"{p}.")), None)
    if part is None:
        return
    for name in imports(path):
        target = name.removeprefix("spanscore.")
        if not target.startswith(FOLDERS):
            continue
        assert any(
            target == other or target.startswith(f"{other}.") for other in {part, *ALLOWED[part]}
        ), f"{module} imports {target}; {part} may import {sorted(ALLOWED[part]) or 'nothing'}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_imports_a_folder_by_its_bare_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.append(node.module)
        assert not [name for name in names if name.split(".")[0] in FOLDERS]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_says_what_it_is_for_and_stays_small(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    assert text.count("\n") <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 70, f"{path}: {node.name} is too long"


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "docs", "examples"])
def test_no_other_file_is_long_either(folder: str) -> None:
    files = [*(ROOT / folder).rglob("*.py")]
    assert not [path for path in files if path.read_text().count("\n") > 400]

"""Every command, setting, view and column is documented."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command

from spanscore.collector.cli import app
from spanscore.collector.config import Settings
from spanscore.collector.store.database import open_database

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PUBLIC_VIEWS = ("spans", "logs", "metric_points")


def section(text: str, title: str) -> str:
    """The part of a page under `## title`."""
    return re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_in_the_settings_page_with_flag_and_variable(name: str) -> None:
    text = (DOCS / "settings.md").read_text()
    assert f"| `--{name.replace('_', '-')}` | `SPANSCORE_{name.upper()}` |" in text


def test_the_settings_page_names_no_setting_that_is_gone() -> None:
    listed = re.findall(r"^\| `--([a-z-]+)`", (DOCS / "settings.md").read_text(), re.M)
    assert {name.replace("-", "_") for name in listed} == set(Settings.model_fields)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """An empty store."""
    return open_database(tmp_path_factory.mktemp("docs") / "d.duckdb")


@pytest.mark.parametrize("view", PUBLIC_VIEWS)
def test_each_column_of_a_view_is_documented_in_its_order(
    database: duckdb.DuckDBPyConnection, view: str
) -> None:
    columns = [row[0] for row in database.execute(f"DESCRIBE {view}").fetchall()]
    listed = re.findall(r"^\| `(\w+)` \|", section((DOCS / "views.md").read_text(), view), re.M)
    assert listed == columns


@pytest.mark.parametrize("command", sorted(get_command(app).commands))  # type: ignore[attr-defined]  # a group
def test_each_command_is_in_the_commands_page_and_has_examples(command: str) -> None:
    assert f"## spanscore {command}\n" in (DOCS / "commands.md").read_text()
    assert "Example" in (get_command(app).commands[command].epilog or "")  # type: ignore[attr-defined]  # a group

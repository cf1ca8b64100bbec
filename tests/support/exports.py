"""Exports a store and imports it again, by the command's own functions, and compares stores."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from spanscore.collector.answers import load_waiting
from spanscore.collector.commands.export import Form, Wanted, export
from spanscore.collector.config import Settings, load
from spanscore.collector.importer import Report, import_files
from spanscore.collector.receiver_options import receiver_options
from spanscore.collector.store.database import open_database
from spanscore.collector.store.marts import Marts

BASE = ("span", "log", "metric_point", "trace")
VIEWS = ("spans", "logs", "metric_points")

Content = dict[str, Counter[str]]


def export_to(settings: Settings, form: Form, output: Path, **selected: Any) -> Path:
    """Export to a file or folder, and return it."""
    export(settings, Wanted(form, output, **selected))
    return output


def imported(folder: Path, *files: Path) -> Settings:
    """The store in `folder`, made if there is none, with these files imported."""
    settings = load(db=folder / "imported.duckdb")
    assert not import_into(settings, *files).bad
    return settings


def import_into(settings: Settings, *files: Path) -> Report:
    """Import files into a store that no collector holds."""
    report = asyncio.run(
        import_files(
            list(files),
            receiver_options(settings),
            progressed=lambda _: None,
            make_room=lambda: load_waiting(settings),
        )
    )
    load_waiting(settings)
    return report


def content(db: Path, names: tuple[str, ...] = (*BASE, *VIEWS)) -> Content:
    """Every row of these tables and views, as text with all its columns, in no order.

    Resources and scopes are part of the rows of `span`, `log` and `metric_point`: by a number made
    of their bytes. What is counted twice is there twice.
    """
    with closing(open_database(db)) as connection:
        return {name: _rows(connection, f"SELECT r::VARCHAR FROM {name} AS r") for name in names}


def judged(db: Path, names: tuple[str, ...]) -> Content:
    """The rows of views of runs, computed now."""
    with closing(open_database(db)) as connection:
        Marts(connection).refresh_all()
        return {name: _rows(connection, f"SELECT r::VARCHAR FROM {name} AS r") for name in names}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Counter[str]:
    return Counter(row[0] for row in connection.execute(sql).fetchall())

"""`spanscore import BUNDLE`: what is said of a bundle before its runs go in."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import duckdb
from rich.console import Console

from ..config import Settings
from ..export.bundle_check import Findings, check_bundle
from ..own_views import views_of


def check(settings: Settings, folder: Path) -> Findings:
    """Compare the bundle with its sums, and its results with what the views here make of it.

    Raises ExportError and CatalogError.
    """
    with Console(stderr=True).status(f"checking {folder}"):
        return check_bundle(folder, views_of(settings), settings.memory_limit)


def say(folder: Path, findings: Findings) -> None:
    """Print what was found, a fact a line."""
    for word, names in (
        ("changed", findings.changed),
        ("missing", findings.missing),
        ("extra", findings.extra),
    ):
        for name in names:
            print(f"{folder / name}: {word}")
    if not findings.is_untouched:
        print(f"{folder} is not what was written: nothing of it was imported")
        return
    print(f"{folder}: all sums are right")
    if findings.other_views:
        print(f"  other views here: {', '.join(findings.other_views)}")
    for difference in findings.differences:
        columns = ", ".join(difference.columns) or "rows"
        print(f"  {difference.view}: {difference.rows} rows differ, in {columns}")
    if findings.is_unexplained:
        print("  its results do not follow from its telemetry, by the same views")
    elif findings.differences:
        print("  these differ because the views are others")
    else:
        print("  every view computed anew says the same")
    for name, here in (("spanscore", version("spanscore")), ("duckdb", duckdb.__version__)):
        made_by = findings.made_by.get(name)
        if made_by != here:
            print(f"  made with {name} {made_by}, here is {here}")

"""`spanscore import`: progress, loading, and what is said at the end."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ..answers import load_waiting
from ..config import Settings
from ..counted import counted
from ..export.bundle import REQUESTS
from ..export.bundle_check import is_bundle
from ..importer import Report, import_files
from ..otlp_files import files_below
from ..receiver_options import receiver_options
from .bundle_import import check, say

MAX_LISTED = 20


def import_otlp(settings: Settings, paths: list[Path], form: Literal["text", "json"]) -> int:
    """Import files, folders and bundles; prints what went in and what is bad.

    Returns the exit code: 0 when everything went in, 1 when something could not be read or a bundle
    is not what it says; the rest went in all the same.
    Raises FileNotFoundError, InboxError, DatabaseError, ExportError and CatalogError.
    """
    bundles = {path: check(settings, path) for path in paths if is_bundle(path)}
    files = files_below([path for path in paths if path not in bundles])
    files += [path / REQUESTS for path, findings in bundles.items() if findings.is_untouched]
    report = _import(settings, files)
    if form == "json":
        told = {str(path): asdict(findings) for path, findings in bundles.items()}
        print(json.dumps({**asdict(report), "bundles": told}, default=str, indent=2))
    else:
        for path, findings in bundles.items():
            say(path, findings)
        _say(report)
        _warn_of_retention(settings, report)
    doubtful = any(not f.is_untouched or f.is_unexplained for f in bundles.values())
    return 1 if report.bad or doubtful else 0


def _import(settings: Settings, files: list[Path]) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
               TimeRemainingColumn())  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("importing", total=sum(file.stat().st_size for file in files))
        report = asyncio.run(
            import_files(
                files,
                receiver_options(settings),
                progressed=lambda done_bytes: progress.update(task, completed=done_bytes),
                make_room=lambda: load_waiting(settings),
            )
        )
        progress.update(task, description="loading")
        load_waiting(settings)
    return report


def _say(report: Report) -> None:
    print(f"{counted(report.requests, 'request')} from {counted(report.files, 'file')} went in")
    if report.rejected:
        print(f"{report.rejected} spans were left out: their ids are not valid")
    for bad in report.bad[:MAX_LISTED]:
        print(f"{bad.file}, byte {bad.offset_bytes}: {bad.reason}")
    if len(report.bad) > MAX_LISTED:
        print(f"... and {len(report.bad) - MAX_LISTED} more; --format json lists all")


def _warn_of_retention(settings: Settings, report: Report) -> None:
    """What was exported keeps its receive time, and retention goes by that."""
    if settings.retain is None:
        return
    if time.time_ns() - report.oldest_ns > settings.retain.total_seconds() * 1e9:
        print("some of it was received longer ago than --retain: pin its runs, or they are removed")

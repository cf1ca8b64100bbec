"""`spanscore doctor`: prints what was found, in plain words."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Literal

from rich.console import Console
from rich.text import Text

from ..answers import recompute
from ..config import Settings
from ..doctor import Finding, compact, examine

_MARKS = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "wrong": ("WRONG", "bold red")}


def run_doctor(settings: Settings, form: Literal["text", "json"]) -> int:
    """Examine and print; the exit code is 1 if something is wrong, else 0."""
    findings = examine(settings)
    if form == "json":
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            console.print(_line(finding))
    return 1 if any(finding.level == "wrong" for finding in findings) else 0


def run_compact(settings: Settings) -> None:
    """Give back the space of removed runs, and say how much it was. Raises DatabaseError."""
    before, after = compact(settings)
    print(f"{settings.db}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now")


def run_recompute(settings: Settings) -> None:
    """Compute the views of every run anew. Raises DatabaseError, InboxError and CatalogError."""
    with Console(stderr=True).status("computing the views of every run"):
        runs = recompute(settings)
    print(f"{settings.db}: what the views say of {runs} runs is computed anew")


def _line(finding: Finding) -> Text:
    mark, style = _MARKS[finding.level]
    return Text.assemble((mark, style), f" {finding.subject}: {finding.text}")

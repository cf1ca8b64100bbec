"""Reads a test report: JUnit XML, as most test tools write it, or TAP, as anything can print it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

MAX_BYTES = 16 << 20

_TAP_LINE = re.compile(r"^(not )?ok\b(?: +\d+)?(?: +-)? *(.*?)(?:\s+#\s*(skip|todo)\b.*)?$", re.I)

Report = dict[str, bool]
"""By test: whether it passed. A skipped test is not in it; of two of one name the worse counts."""


class ReportError(Exception):
    """A report that is none; the message says why."""


def read_report(file: Path) -> Report | None:
    """What a report says; None if there is none. Raises ReportError."""
    if not file.is_file() or file.is_symlink():
        return None
    with file.open("rb") as source:
        content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ReportError(f"the report is larger than {MAX_BYTES:,} bytes")
    if not content.strip():
        return None
    return _junit(content) if content.lstrip().startswith(b"<") else _tap(content)


def _junit(content: bytes) -> Report:
    """A test is `classname.name`, or its name alone where there is no class."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ReportError("the report declares entities, which JUnit XML has none of")
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError) as error:
        raise ReportError(f"the report is no JUnit XML: {error}") from error
    report: Report = {}
    for case in root.iter("testcase"):
        if case.find("skipped") is None:
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            passed = case.find("failure") is None and case.find("error") is None
            report[name] = report.get(name, True) and passed
    return report


def _tap(content: bytes) -> Report:
    """The result lines of TAP, and its plan: tests that were planned and are not there failed."""
    report: Report = {}
    planned = seen = 0
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if plan := re.match(r"1\.\.(\d{1,9})\b", line):
            planned = int(plan[1])
        elif result := _TAP_LINE.match(line):
            seen += 1
            if not result[3]:
                name = result[2] or f"line {number}"
                report[name] = report.get(name, True) and result[1] is None
        elif line.startswith("Bail out!"):
            report[line] = False
    if planned > seen:
        report[f"{planned - seen} planned tests that did not run"] = False
    return report

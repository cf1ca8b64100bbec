"""A report is read as the tools write it, and one that is damaged or hostile is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.instrumentation.verify.report import MAX_BYTES, ReportError, read_report

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="s" tests="4">
<testcase classname="tests.test_a" name="test_one" time="0.1"/>
<testcase classname="tests.test_a" name="test_two"><failure message="m">text</failure></testcase>
<testcase classname="tests.test_a" name="test_three"><error message="m"/></testcase>
<testcase classname="tests.test_a" name="test_four"><skipped/></testcase>
<testcase name="alone"/>
</testsuite></testsuites>"""

TAP = """TAP version 13
1..6
ok 1 - adds
not ok 2 - subtracts
  ---
  severity: fail
  ...
ok 3 multiplies
ok 4 - later # SKIP no network
not ok 5 - some day # TODO
# a comment
"""


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "report").write_text(text)
    return tmp_path / "report"


def test_junit_xml_names_its_tests_by_class(tmp_path: Path) -> None:
    assert read_report(written(tmp_path, JUNIT)) == {
        "tests.test_a.test_one": True,
        "tests.test_a.test_two": False,
        "tests.test_a.test_three": False,
        "alone": True,
    }


def test_tap_counts_what_was_planned_and_did_not_run_as_failed(tmp_path: Path) -> None:
    assert read_report(written(tmp_path, TAP)) == {
        "adds": True,
        "subtracts": False,
        "multiplies": True,
        "1 planned tests that did not run": False,
    }


def test_a_test_that_passes_once_and_fails_once_has_failed(tmp_path: Path) -> None:
    assert read_report(written(tmp_path, "ok 1 - a\nnot ok 2 - a\n")) == {"a": False}


def test_a_report_that_is_not_there_or_empty_is_none(tmp_path: Path) -> None:
    assert read_report(tmp_path / "report") is None
    assert read_report(written(tmp_path, " \n")) is None


def test_a_link_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written(tmp_path, TAP))
    assert read_report(tmp_path / "link") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<testsuites>", "no JUnit XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "entities"),
        ("ok 1\n" * (MAX_BYTES // 5 + 2), "larger than"),
    ],
)
def test_a_damaged_or_hostile_report_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ReportError, match=says):
        read_report(written(tmp_path, text))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any-report"
    file.write_bytes(content)
    try:
        report = read_report(file)
    except ReportError:
        return
    assert report is None or all(isinstance(passed, bool) for passed in report.values())

"""A bundle proves itself: with DuckDB alone, and on its way in."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spanscore.collector.config import Settings
from spanscore.collector.export.bundle import MANIFEST, RECOMPUTE, VIEWS, sha256_of
from spanscore.collector.export.bundle_check import Difference, Findings, check_bundle
from spanscore.collector.export.errors import ExportError
from spanscore.queries import catalog
from tests.support.exports import export_to

DOCS = Path(__file__).parents[3] / "docs"
MEMORY = "256MB"


@pytest.fixture(scope="module")
def bundle(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_to(made, "bundle", tmp_path_factory.mktemp("bundled") / "bundle")


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """A bundle to be tampered with."""
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def check(folder: Path) -> Findings:
    return check_bundle(folder, catalog.builtin(), MEMORY)


def only_duckdb(code: str, folder: Path, tmp_path: Path) -> str:
    """What a Python prints that has no package but DuckDB, in another time zone."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(duckdb.__file__).parents[1].glob("*duckdb*"):
        (packages / path.name).symlink_to(path)
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(packages), "TZ": "America/St_Johns", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_docs_and_the_readme_show_the_lines_that_recompute(bundle: Path) -> None:
    assert sum(map(bool, RECOMPUTE.splitlines())) == 3
    for page in (DOCS / "export.md", bundle / "README.md"):
        assert f"```python\n{RECOMPUTE}```" in page.read_text()


def test_three_lines_and_duckdb_alone_recompute_the_leaderboard(
    bundle: Path, tmp_path: Path
) -> None:
    written = tmp_path / "leaderboard.csv"
    printed = only_duckdb(
        f'{RECOMPUTE}duckdb.sql("FROM leaderboard").write_csv("{written}")', bundle, tmp_path
    )
    assert "agent" in printed
    lines = list(csv.DictReader(io.StringIO(written.read_text())))
    there = pq.read_table(bundle / "leaderboard.parquet").to_pylist()
    assert {row["agent"]: float(row["composite"]) for row in lines} == pytest.approx(
        {row["agent"]: row["composite"] for row in there}
    )
    assert {row["agent"]: int(row["passes"]) for row in lines} == {"a": 3, "b": 0}


def test_duckdbs_own_command_line_would_read_the_same_script(bundle: Path) -> None:
    script = (bundle / VIEWS).read_text()
    made = re.findall(r"^CREATE OR REPLACE (?:VIEW|TABLE) (\w+) AS", script, re.M)
    assert made == [*catalog.BASE_VIEWS, *(view.name for view in catalog.builtin())]


def test_a_bundle_as_it_was_written_has_no_findings(bundle: Path) -> None:
    findings = check(bundle)
    assert replace(findings, made_by={}) == Findings()


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" ")


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda f: append(f / "scores.parquet"), Findings(changed=["scores.parquet"])),
        (lambda f: append(f / "views.sql"), Findings(changed=["views.sql"])),
        (lambda f: (f / "logs.parquet").unlink(), Findings(missing=["logs.parquet"])),
        (lambda f: (f / "more").mkdir(), Findings(extra=["more"])),
    ],
)
def test_a_file_that_was_touched_is_named(
    copy: Path, tamper: Callable[[Path], object], found: Findings
) -> None:
    tamper(copy)
    assert replace(check(copy), made_by={}) == found


def test_a_link_in_place_of_a_file_is_not_followed(copy: Path, tmp_path: Path) -> None:
    (copy / "logs.parquet").rename(tmp_path / "elsewhere")
    (copy / "logs.parquet").symlink_to(tmp_path / "elsewhere")
    assert check(copy).missing == ["logs.parquet"]


def sum_up(folder: Path, name: str) -> None:
    """Write the sum of a file that was tampered with into the manifest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name]["sha256"] = sha256_of(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_results_that_do_not_follow_are_found_though_the_sums_are_right(copy: Path) -> None:
    path = copy / "scores.parquet"
    table = pq.read_table(path)
    column = table.column_names.index("composite")
    better = pa.array([1.0] * table.num_rows, pa.float64())
    pq.write_table(table.set_column(column, "composite", better), path)
    sum_up(copy, "scores.parquet")
    findings = check(copy)
    assert findings.differences == [Difference("scores", ("composite",), table.num_rows)]
    assert findings.is_unexplained


def test_other_views_are_named_with_what_they_change(bundle: Path) -> None:
    views = catalog.builtin()
    changed = [
        replace(view, select=f"SELECT * REPLACE (composite / 2 AS composite) FROM ({view.select})")
        if view.name == "scores"
        else view
        for view in views
    ]
    findings = check_bundle(bundle, changed, MEMORY)
    assert findings.other_views == ["scores"]
    assert {d.view for d in findings.differences} == {"scores", "leaderboard", "pareto"}
    assert not findings.is_unexplained


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"form": "x"}', '{"form": 1, "files": {"../a": {"sha256": ""}}}']
)
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(ExportError, match="no manifest of a bundle"):
        check(copy)


def test_a_later_form_is_refused_and_says_what_to_do(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, "form": 99}))
    with pytest.raises(ExportError, match="install a newer one"):
        check(copy)

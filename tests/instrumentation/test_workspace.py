"""A workspace is seen as it is, whatever an agent left in it, and nothing outside is touched."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.instrumentation.workspace import (
    MAX_DEPTH,
    Diff,
    compare,
    copy,
    lay_over,
    remove_matching,
    snapshot,
)
from tests.support.made_task import made_task, write_files

NAMES = st.sampled_from(["a.py", "b.txt", "src/a.py", "src/deep/c.js", "tests/t.py", ".agent/log"])
TREES = st.dictionaries(NAMES, st.text(max_size=20), max_size=6)
PATTERNS = (
    'expected = ["*.py"]\nforbidden = ["tests/"]\nfiles = ["a.py"]\n[verify]\ncommand = ["true"]\n'
)


@given(TREES)
@settings(max_examples=30)
def test_a_copy_has_the_same_snapshot(tree: dict[str, str]) -> None:

    with tempfile.TemporaryDirectory() as made:
        source = write_files(Path(made) / "source", tree)
        assert copy(source, Path(made) / "target") == []
        before, after = snapshot(source), snapshot(Path(made) / "target")
    assert after == before
    assert after.baseline_hash == before.baseline_hash
    assert after.count == len(tree)


@given(TREES, TREES)
@settings(max_examples=60)
def test_every_change_is_told_once_by_kind_and_once_by_class(
    before: dict[str, str], after: dict[str, str]
) -> None:

    with tempfile.TemporaryDirectory() as made:
        task = made_task(Path(made) / "task", PATTERNS)
        was = snapshot(write_files(Path(made) / "before", before))
        now = snapshot(write_files(Path(made) / "after", after))
        diff = compare(was, now, task, [".agent/"])
    assert set(diff.added) == after.keys() - before.keys()
    assert set(diff.removed) == before.keys() - after.keys()
    assert set(diff.modified) == {p for p in before.keys() & after if before[p] != after[p]}
    classes = [*diff.expected, *diff.artefact, *diff.unexpected, *diff.forbidden]
    assert sorted(classes) == sorted([*diff.added, *diff.removed, *diff.modified])
    assert diff.changes == len(classes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "workspace", {"a.py": "1\n", "tests/t.py": "2\n", "b.md": "3\n"})


def changed(folder: Path, tmp_path: Path, *artefacts: str) -> Diff:
    """What was changed since `folder` held what the fixture wrote."""
    task = made_task(tmp_path / "task", PATTERNS)
    untouched = {"a.py": "1\n", "tests/t.py": "2\n", "b.md": "3\n"}
    before = snapshot(write_files(tmp_path / "before", untouched))
    return compare(before, snapshot(folder), task, artefacts)


def test_a_path_is_forbidden_before_it_is_an_artefact_and_that_before_it_is_expected(
    folder: Path, tmp_path: Path
) -> None:
    write_files(folder, {"tests/t.py": "x", "a.py": "x", ".aider.py": "x", "b.md": "x"})
    diff = changed(folder, tmp_path, ".aider*", "tests/")
    assert (diff.forbidden, diff.artefact) == (("tests/t.py",), (".aider.py",))
    assert (diff.expected, diff.unexpected) == (("a.py",), ("b.md",))


def test_an_edit_that_keeps_size_and_time_is_seen(folder: Path, tmp_path: Path) -> None:
    times = (folder / "a.py").stat()
    (folder / "a.py").write_text("9\n")
    os.utime(folder / "a.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changed(folder, tmp_path).modified == ("a.py",)


def test_a_file_that_becomes_executable_is_modified(folder: Path, tmp_path: Path) -> None:
    (folder / "a.py").chmod(0o755)
    assert changed(folder, tmp_path).modified == ("a.py",)


def test_caches_are_no_change_and_are_not_copied(folder: Path, tmp_path: Path) -> None:
    write_files(folder, {"tests/__pycache__/t.pyc": "x", ".pytest_cache/v": "x"})
    assert changed(folder, tmp_path).changes == 0
    copy(folder, tmp_path / "copy")
    assert not (tmp_path / "copy/tests/__pycache__").exists()


def test_links_out_are_entries_and_are_never_followed(folder: Path, tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"secret": "s"})
    (folder / "link").symlink_to(outside)
    (folder / "a.py").unlink()
    (folder / "a.py").symlink_to(outside / "secret")
    before = snapshot(folder)
    (outside / "secret").write_text("changed")
    assert snapshot(folder) == before
    assert {"link", "a.py"} <= before.files.keys()
    assert "link/secret" not in before.files
    copy(folder, tmp_path / "copy")
    assert (tmp_path / "copy/link").is_symlink()


def test_special_files_and_sockets_are_named_and_left_out_of_a_copy(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door")
    assert changed(folder, tmp_path).unexpected == ("door", "pipe")
    left_out = copy(folder, tmp_path / "copy")
    assert sorted(left_out) == [f"{name}: neither a file nor a link" for name in ("door", "pipe")]


def test_a_name_that_is_no_text_is_shown_with_its_bytes(folder: Path, tmp_path: Path) -> None:
    if sys.platform == "darwin":
        return  # its file systems have no such names
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.md"))).write_text("x")
    diff = changed(folder, tmp_path)
    assert diff.added == ("\\xff.md",)
    assert snapshot(folder).baseline_hash


def test_a_workspace_that_is_gone_is_destroyed_and_no_error(folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "elsewhere")
    diff = changed(folder, tmp_path)
    assert diff.destroyed
    assert len(diff.removed) == 3
    folder.write_text("a file now")
    assert changed(folder, tmp_path).destroyed


def test_a_workspace_without_the_files_of_the_task_is_destroyed(
    folder: Path, tmp_path: Path
) -> None:
    assert not changed(folder, tmp_path).destroyed
    (folder / "a.py").unlink()
    assert changed(folder, tmp_path).destroyed


def test_folders_deeper_than_can_be_copied_are_told_as_unreadable(
    folder: Path, tmp_path: Path
) -> None:
    deep = folder.joinpath(*["d"] * (MAX_DEPTH + 2))
    deep.mkdir(parents=True)
    (deep / "f").write_text("x")
    assert "unreadable folder" in snapshot(folder).files.values()
    assert any("cannot be read" in line for line in copy(folder, tmp_path / "copy"))


def test_a_huge_file_is_told_without_reading_it_and_left_out_of_a_copy(
    folder: Path, tmp_path: Path
) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert snapshot(folder).files["huge"].startswith("huge file 1099511627776 ")
    assert copy(folder, tmp_path / "copy") == ["huge: beyond 4,294,967,296 bytes in all"]


def test_what_is_laid_over_replaces_links_and_files_in_its_way(tmp_path: Path) -> None:
    hidden = write_files(tmp_path / "hidden", {"tests/t.py": "right", "run/deep/x": "right"})
    outside = write_files(tmp_path / "outside", {"t.py": "theirs"})
    target = write_files(tmp_path / "target", {"run": "a file"})
    (target / "tests").symlink_to(outside)
    lay_over(hidden, target)
    assert (target / "tests/t.py").read_text() == "right"
    assert (target / "run/deep/x").read_text() == "right"
    assert (outside / "t.py").read_text() == "theirs"


def test_removing_by_pattern_does_not_follow_links(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"t.py": "theirs"})
    target = write_files(tmp_path / "target", {"tests/a.py": "x", "b.py": "x"})
    (target / "tests/link").symlink_to(outside)
    remove_matching(target, ["tests/"])
    assert snapshot(target).files.keys() == {"b.py"}
    assert (outside / "t.py").exists()


def test_long_lists_are_cut_in_attributes_and_counts_are_not() -> None:
    diff = Diff(added=tuple(map(str, range(500))), unexpected=tuple(map(str, range(500))))
    told = diff.attributes()
    assert told["spanscore.workspace.added_count"] == 500
    paths = told["spanscore.workspace.added"]
    assert isinstance(paths, list)
    assert len(paths) == 200
    assert "spanscore.workspace.removed" not in told

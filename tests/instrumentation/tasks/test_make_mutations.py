"""Mutation tasks are made of what a library's own tests notice, and made again from a manifest."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from spanscore.instrumentation.tasks import TaskError, load
from spanscore.instrumentation.tasks.check import check
from spanscore.instrumentation.tasks.mutations.make import MANIFEST, make, make_again
from spanscore.instrumentation.tasks.mutations.manifest import (
    Manifest,
    read_manifest,
    write_manifest,
)
from tests.support.backends import BareBackend

LIBRARY = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: Tiny\nVersion: 1.2\n",
    "setup.cfg": "[tool:pytest]\naddopts = --cov\n",
    "src/tiny.py": (
        "def low(a, b):\n    return min(a, b) + 0\n\n\ndef unseen(a):\n    return a * 7\n"
    ),
    "tests/conftest.py": "import tiny\n",
    "tests/test_tiny.py": (
        "import tiny\n\n\ndef test_low():\n    assert tiny.low(1, 2) == 1\n\n\n"
        "def test_low_is_found():\n    assert tiny.low\n\n\n"
        "def test_fails_here():\n    assert 0, 'not our machine'\n"
    ),
}


def sdist(folder: Path, files: dict[str, str], name: str = "tiny-1.2") -> Path:
    file = folder / f"{name}.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return file


def test_tasks_are_made_of_what_the_tests_notice_and_are_right(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    manifest = make(
        sdist(tmp_path, LIBRARY),
        tmp_path / "out",
        BareBackend(),
        count=9,
        seed=1,
        told=lambda kept, tried, _: told.append((kept, tried)),
    )
    assert (manifest.library, manifest.version) == ("tiny", "1.2")
    assert {made.mutation.token for made in manifest.made} == {"min", "+", "0"} - {"+"}
    assert [tried for _, tried in told] == [0, 1, 2, 3, 4]
    for made in manifest.made:
        task = load(tmp_path / "out" / made.id)
        assert task.verification.fail_to_pass == ("tests.test_tiny.test_low",)
        assert task.verification.pass_to_pass == ("tests.test_tiny.test_low_is_found",)
        assert check(task, BareBackend(), None).problems == ()


def test_a_seed_and_a_manifest_make_the_same_tasks_again(tmp_path: Path) -> None:
    file = sdist(tmp_path, LIBRARY)
    made = make(file, tmp_path / "first", BareBackend(), count=1, seed=7)
    assert make(file, tmp_path / "same", BareBackend(), count=1, seed=7) == made
    again = make_again(file, tmp_path / "first" / MANIFEST, tmp_path / "second")
    assert again == made == read_manifest(tmp_path / "second" / MANIFEST)
    [first, second] = [load(tmp_path / name / made.made[0].id) for name in ("first", "second")]
    assert first.version == second.version
    assert len(made.made) == 1


def test_a_task_that_is_there_already_is_said_before_a_test_is_run(tmp_path: Path) -> None:
    file, out = sdist(tmp_path, LIBRARY), tmp_path / "out"
    made = make(file, out, BareBackend(), count=1, seed=7)
    tried: list[int] = []
    with pytest.raises(TaskError, match=r"tiny-01: is there already; remove it"):
        make(file, out, BareBackend(), count=2, seed=7, told=lambda _, n, __: tried.append(n))
    assert tried == []
    (out / made.made[0].id).rename(out / "mine")
    assert make_again(file, out / MANIFEST, out) == made
    with pytest.raises(TaskError, match="is there already"):
        make_again(file, out / MANIFEST, out)


def test_another_sdist_than_that_of_the_manifest_is_refused(tmp_path: Path) -> None:
    write_manifest(Manifest("tiny", "1.2", "0" * 64, 1, (), (), ()), tmp_path / MANIFEST)
    with pytest.raises(TaskError, match=r"is not the sdist of .*; that is tiny 1\.2 with sha256"):
        make_again(sdist(tmp_path, LIBRARY), tmp_path / MANIFEST, tmp_path / "again")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.py": ""}, "has no PKG-INFO"),
        (LIBRARY | {"tests/test_tiny.py": ""}, "do not run as it is; install what they need"),
        (LIBRARY | {"tests/conftest.py": "import nowhere"}, "No module named 'nowhere'"),
    ],
)
def test_an_sdist_without_tests_that_run_is_told(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    with pytest.raises(TaskError, match=says):
        make(sdist(tmp_path, files), tmp_path / "out", BareBackend(), count=1, seed=1)
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_or_reaches_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.tar.gz").write_text("no")
    with pytest.raises(TaskError, match="is no source distribution"):
        make(tmp_path / "no.tar.gz", tmp_path / "out", BareBackend(), count=1, seed=1)
    hostile = sdist(tmp_path, {"../../escaped": "x"}, "hostile")
    with pytest.raises(TaskError, match="reaches out of its folder"):
        make(hostile, tmp_path / "out", BareBackend(), count=1, seed=1)
    assert not list(tmp_path.parent.glob("escaped"))


def test_a_damaged_manifest_is_told_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"library": 5}')
    with pytest.raises(TaskError, match=r"m.json: library: .*; make it anew"):
        read_manifest(tmp_path / "m.json")

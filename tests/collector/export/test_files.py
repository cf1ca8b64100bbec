"""What is written appears whole, for its owner alone, or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from spanscore.collector.export.errors import ExportError
from spanscore.collector.export.files import create, new_file, new_folder
from tests.support.inbox_disk import disk_full_beyond


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with new_file(tmp_path / "a.jsonl") as file:
        file.write(b"{}\n")
        assert "a.jsonl" not in names(tmp_path)
    assert (tmp_path / "a.jsonl").read_bytes() == b"{}\n"
    assert mode(tmp_path / "a.jsonl") == 0o600
    assert names(tmp_path) == ["a.jsonl"]


def test_a_folder_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "b") as folder, create(folder / "x") as file:
        file.write(b"1")
        assert "b" not in names(tmp_path)
    assert names(tmp_path) == ["b"]
    assert (mode(tmp_path / "b"), mode(tmp_path / "b" / "x")) == (0o700, 0o600)


@pytest.mark.parametrize("making", [new_file, new_folder])
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, making: object) -> None:
    with pytest.raises(KeyboardInterrupt), making(tmp_path / "x"):  # type: ignore[operator]  # either of two
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_an_older_file_is_replaced_at_the_end_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), new_file(path):
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    with new_file(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"


def test_a_folder_that_is_there_is_never_written_into(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="exists already"), new_folder(tmp_path):
        pass


def test_the_ending_gz_compresses_the_same_bytes_to_the_same_file(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with new_file(tmp_path / name) as file:
            file.write(b"text" * 1000)
    packed = (tmp_path / "a.gz").read_bytes()
    assert packed == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress(packed) == b"text" * 1000


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        disk_full_beyond(1000),
        pytest.raises(ExportError, match="is full: nothing was exported; make room"),
        new_file(tmp_path / "a") as file,
    ):
        file.write(b"x" * 10_000_000)
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere is no folder"), new_file(tmp_path / "nowhere/a"):
        pass
    with pytest.raises(ExportError, match="is a folder; name a file"), new_file(tmp_path):
        pass

"""Where a lake lies: names, sealing, and what is said when it cannot be reached."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from spanscore.queries.lake.storage import (
    MissingError,
    StorageError,
    Stored,
    canonical,
    is_lake,
    open_storage,
)

NAME = "spans/date=2026-05-01/hour=07/a.parquet"


def test_an_object_is_sealed_once_and_stays_as_it_is(tmp_path: Path) -> None:
    lake = open_storage(tmp_path / "lake")
    assert lake.create(NAME, b"one")
    assert not lake.create(NAME, b"two")
    assert lake.read(NAME) == b"one"
    assert lake.list("spans") == [Stored(NAME, 3)]
    assert stat.S_IMODE((tmp_path / "lake" / NAME).stat().st_mode) == 0o600


def test_a_file_that_is_still_written_is_not_listed_and_is_swept_later(tmp_path: Path) -> None:
    lake = open_storage(tmp_path)
    lake.create(NAME, b"one")
    left = (tmp_path / NAME).with_name(".unfinished-x")
    left.write_bytes(b"half")
    assert lake.list("spans") == [Stored(NAME, 3)]
    lake.sweep(time.time() - 60)
    assert left.exists()
    lake.sweep(time.time() + 60)
    assert not left.exists()
    assert lake.list("spans") == [Stored(NAME, 3)]


def test_what_is_not_there_is_nothing_to_list_or_remove_and_an_error_to_read(
    tmp_path: Path,
) -> None:
    lake = open_storage(tmp_path / "none")
    assert lake.list("spans") == []
    lake.remove(NAME)
    with pytest.raises(MissingError, match="has no"):
        lake.read(NAME)


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"the lake .*file: Not a directory; see that this user"):
        open_storage(tmp_path / "file").create(NAME, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), ""))
    monkeypatch.setattr("os.unlink", lambda _: None)
    with pytest.raises(StorageError, match="No space left on device; free some space"):
        open_storage(tmp_path).create(NAME, b"x" * 100_000)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        (Path("s3://bucket/prefix"), "s3://bucket/prefix"),
        ("/data/lake/", "/data/lake"),
        ("~/lake", str(Path.home() / "lake")),
    ],
)
def test_a_lake_has_one_name_however_it_is_written(place: str | Path, url: str) -> None:
    assert canonical(place) == url


def test_a_database_file_is_no_lake_and_a_folder_is(tmp_path: Path) -> None:
    assert is_lake(tmp_path)
    assert is_lake(Path("s3://bucket/prefix"))
    assert not is_lake(tmp_path / "runs.duckdb")


def test_another_scheme_is_refused_with_those_that_work() -> None:
    with pytest.raises(StorageError, match="name a folder, or s3://BUCKET/PREFIX"):
        open_storage("gs://bucket")


def test_s3_without_its_client_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StorageError, match=r"pip install 'spanscore\[lake\]'"):
        open_storage("s3://bucket/prefix")

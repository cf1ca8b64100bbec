"""What is whole in a damaged inbox comes out of it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from spanscore.collector.inbox import Inbox, InboxCorrupt
from spanscore.collector.inbox_file import PAGE_BYTES
from spanscore.collector.inbox_salvage import salvage
from tests.support.inbox_disk import overwrite
from tests.support.inbox_requests import name_of, names_in, request

NAMES = [str(number) for number in range(40)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Forty requests of 10 KB, three to a page, none of them passed."""
    path = tmp_path / "db.inbox"
    with Inbox(path) as inbox:
        inbox.append([request(name, 10_000) for name in NAMES])
        inbox.register("loader")
    return path


def salvaged(path: Path) -> list[str]:
    return [name_of(entry) for entry in salvage(path, lambda _: None)]


def lost(path: Path) -> int:
    told: list[int] = []
    for _ in salvage(path, told.append):
        pass
    [requests] = told
    return requests


def test_all_of_a_whole_inbox_comes_out_as_often_as_it_is_asked(path: Path) -> None:
    assert salvaged(path) == NAMES
    assert salvaged(path) == NAMES
    assert names_in(path) == NAMES


def test_what_every_reader_has_passed_does_not_come_again_nor_count_as_lost(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE reader SET position = 30")
    assert salvaged(path) == NAMES[30:]
    assert lost(path) == 0


def test_a_lost_page_loses_its_own_requests_and_no_others_and_that_is_counted(
    path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    found = []
    for page in range(1, path.stat().st_size // PAGE_BYTES):
        shutil.copy(path, copy)
        overwrite(copy, page * PAGE_BYTES, b"\xff" * PAGE_BYTES)
        try:
            names = salvaged(copy)
        except InboxCorrupt:
            continue
        assert names == [name for name in NAMES if name in names]
        assert lost(copy) == len(NAMES) - len(names)
        found.append(len(names))
    assert min(found) == 0  # the root of the table
    assert sorted(found)[1] == len(NAMES) - 3
    assert len([count for count in found if count < len(NAMES)]) > 10


def test_a_damaged_request_is_left_out_and_counted(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content.index(b"17" + b"." * 100) + 50, b"/")
    assert salvaged(path) == [name for name in NAMES if name != "17"]
    assert lost(path) == 1


def test_what_only_the_wal_holds_comes_out_too(path: Path, tmp_path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append([request("in the wal")])
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", tmp_path / f"aside{suffix}")
    assert salvaged(tmp_path / "aside") == [*NAMES, "in the wal"]


def test_an_inbox_that_never_held_anything_gives_nothing(tmp_path: Path) -> None:
    Inbox(tmp_path / "empty").close()
    assert salvaged(tmp_path / "empty") == []


def test_a_file_in_which_nothing_can_be_found_is_named(path: Path) -> None:
    overwrite(path, 0, bytes(100))
    with pytest.raises(InboxCorrupt, match=rf"{path}: nothing in this file can be read"):
        salvaged(path)

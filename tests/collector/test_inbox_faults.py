"""What the inbox says and keeps when the disk, the file or its neighbours let it down."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spanscore.collector.inbox import Entry, Inbox, InboxBusy, InboxCorrupt, InboxError, InboxFull
from spanscore.collector.inbox_file import PAGE_BYTES, InboxFile
from tests.support.inbox_disk import disk_full_beyond, overwrite, write_lock_held
from tests.support.inbox_requests import name_of, names_in, read_all, request, requests

MIB = 1024**2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.inbox"


@pytest.fixture
def filled(path: Path) -> Path:
    """Closed, with a dozen pages: small requests, a large one, a reader and a counter."""
    with Inbox(path) as inbox:
        inbox.append(requests("a", "b", "c"), {"accepted": 3})
        inbox.append([request("large", 5 * PAGE_BYTES), request("last")])
        inbox.register("loader", 0)
    return path


def test_a_full_disk_refuses_appends_until_there_is_space_again(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("before"))
        with disk_full_beyond(MIB):
            for _ in range(3):
                with pytest.raises(InboxFull, match="free some space"):
                    inbox.append([request("too large", 2 * MIB)], {"accepted": 1})
            assert inbox.counters() == {}
            inbox.append(requests("fits"))
        inbox.append([request("after", 2 * MIB)])
    assert names_in(path) == ["before", "fits", "after"]


def test_readers_go_on_while_the_disk_is_full(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append([request("a", MIB)])
        with disk_full_beyond(PAGE_BYTES):
            assert [name_of(entry) for entry in read_all(inbox, "loader")] == ["a"]
            with pytest.raises(InboxFull):
                inbox.advance("loader", 1)
            assert [name_of(entry) for entry in read_all(inbox, "loader")] == ["a"]
        inbox.advance("loader", 1)
        assert read_all(inbox, "loader") == []


def test_a_disk_that_fills_up_while_the_inbox_is_made_leaves_no_file(path: Path) -> None:
    with disk_full_beyond(PAGE_BYTES), pytest.raises(InboxFull):
        Inbox(path)
    assert list(path.parent.iterdir()) == []
    assert names_in(path) == []


def test_what_sqlite_calls_full_is_full(path: Path) -> None:
    file = InboxFile(path)
    file.db.execute("PRAGMA max_page_count = 10")
    with pytest.raises(InboxFull), file.transaction():
        file.db.execute("INSERT INTO counter VALUES (hex(zeroblob(?)), 1)", (MIB,))
    with file.transaction():
        file.db.execute("INSERT INTO counter VALUES ('small', 1)")
    file.close()
    with Inbox(path) as inbox:
        assert inbox.counters() == {"small": 1}


def test_a_lock_that_others_hold_too_long_is_busy_and_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanscore.collector.inbox_file.BUSY_TIMEOUT_MS", 50)
    with Inbox(path) as inbox:
        inbox.register("loader")
        inbox.append(requests("a"))
        with write_lock_held(path):
            uses: list[Callable[[], object]] = [
                lambda: inbox.append(requests("b")),
                lambda: inbox.advance("loader", 1),
                lambda: inbox.register("other"),
            ]
            for use in uses:
                with pytest.raises(InboxBusy, match=r"db\.inbox: another process has held it"):
                    use()
            assert [name_of(entry) for entry in read_all(inbox, "loader")] == ["a"]
            assert inbox.depth().requests == 1
        inbox.append(requests("c"))
    assert names_in(path) == ["a", "c"]


def outcome(path: Path) -> tuple[list[Entry], dict[str, int]]:
    """What a writer and a reader meet in the file."""
    with Inbox(path) as inbox:
        counters = inbox.counters()
        inbox.register("loader")
        entries = read_all(inbox, "loader")
        inbox.append(requests("new"))
        inbox.advance("loader", 6)
        assert read_all(inbox, "loader") == []
        assert inbox.depth().requests == 0
    return entries, counters


def damages(page: int) -> list[tuple[int, bytes]]:
    """Ways to lose a page: zeros, ones, noise, and noise in its second half."""
    noise = random.Random(page).randbytes(PAGE_BYTES)
    start, half = page * PAGE_BYTES, PAGE_BYTES // 2
    return [
        (start, bytes(PAGE_BYTES)),
        (start, b"\xff" * PAGE_BYTES),
        (start, noise),
        (start + half, noise[half:]),
    ]


def same_or_corrupt(copy: Path, whole: tuple[list[Entry], dict[str, int]]) -> bool:
    """Whether the damage was found; if not, it must have hit nothing that holds anything."""
    try:
        assert outcome(copy) == whole
    except InboxCorrupt:
        return True
    finally:
        for file in copy.parent.glob(f"{copy.name}*"):
            file.unlink()
    return False


def test_an_overwritten_page_is_found_or_held_nothing(filled: Path, tmp_path: Path) -> None:
    whole = outcome(Path(shutil.copy(filled, tmp_path / "whole")))
    copy, pages = tmp_path / "copy", filled.stat().st_size // PAGE_BYTES
    found = 0
    for page in range(pages):
        for offset, content in damages(page):
            shutil.copy(filled, copy)
            overwrite(copy, offset, content)
            found += same_or_corrupt(copy, whole)
    assert found >= 3 * pages


def test_a_file_that_was_cut_is_found_out(filled: Path, tmp_path: Path) -> None:
    whole = outcome(Path(shutil.copy(filled, tmp_path / "whole")))
    copy, size_bytes = tmp_path / "copy", filled.stat().st_size
    for length in range(0, size_bytes, 10_000):
        shutil.copy(filled, copy)
        os.truncate(copy, length)
        found = same_or_corrupt(copy, whole)
        assert found or length > size_bytes - PAGE_BYTES  # the end of the last page may be empty


def test_a_bit_that_flipped_in_a_body_is_found(filled: Path) -> None:
    offset = filled.read_bytes().index(b"." * 20_000) + 10_000
    overwrite(filled, offset, b"/")
    with Inbox(filled) as inbox, pytest.raises(InboxCorrupt, match="position 4 is damaged"):
        read_all(inbox, "loader")


@pytest.mark.parametrize("column", ["signal", "origin", "received_ns", "body"])
@pytest.mark.parametrize("value", [2, "agent", b"\xff\xfe", None])
def test_a_changed_column_is_found(filled: Path, column: str, value: object) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
        db.execute("PRAGMA writable_schema = RESET")
        db.execute(f"UPDATE request SET {column} = ? WHERE position = 2", (value,))
    with Inbox(filled) as inbox, pytest.raises(InboxCorrupt, match="position 2 is damaged"):
        read_all(inbox, "loader")


def test_a_request_that_is_missing_between_others_is_found(filled: Path) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None)) as db:
        db.execute("DELETE FROM request WHERE position IN (2, 3)")
    with Inbox(filled) as inbox, pytest.raises(InboxCorrupt, match="requests before 4 are missing"):
        read_all(inbox, "loader")


def make_text(path: Path) -> None:
    path.write_text("not a database, but longer than a header of SQLite, as it happens " * 20)


def make_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE request (body BLOB)")


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: overwrite(path, 0, b"\x00" * 100), "not a database"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "malformed|not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[: 3 * PAGE_BYTES]), "malformed"),
        (make_text, "not a database"),
        (make_foreign, "the file is not an inbox"),
        (make_newer, "the inbox has version 99, this program 1"),
    ],
)
def test_a_file_that_is_no_whole_inbox_is_refused_and_left_as_it_is(
    filled: Path, damage: Callable[[Path], object], what: str
) -> None:
    damage(filled)
    before = filled.read_bytes()
    with pytest.raises(InboxCorrupt, match=what) as error:
        Inbox(filled)
    assert f"{filled}: " in str(error.value)
    assert "move db.inbox, db.inbox-wal and db.inbox-shm aside" in str(error.value)
    assert filled.read_bytes() == before


def test_after_moving_the_damaged_file_aside_the_inbox_starts_anew(filled: Path) -> None:
    filled.write_bytes(b"")
    with pytest.raises(InboxCorrupt):
        Inbox(filled)
    for file in filled.parent.glob("db.inbox*"):
        file.rename(file.with_name(f"aside-{file.name}"))
    assert names_in(filled) == []


def test_a_wal_without_its_file_is_refused_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.append(requests("a"))
        wal = (tmp_path / "db.inbox-wal").read_bytes()
    path.unlink()
    (tmp_path / "db.inbox-wal").write_bytes(wal)
    with pytest.raises(InboxCorrupt, match="the file is missing, but its -wal is there"):
        Inbox(path)
    assert (tmp_path / "db.inbox-wal").read_bytes() == wal
    assert not path.exists()


def test_nothing_is_acknowledged_into_a_file_that_was_moved(path: Path, tmp_path: Path) -> None:
    with Inbox(path) as inbox:
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(InboxCorrupt, match="was moved or removed while in use"):
            inbox.append(requests("a"))
        (tmp_path / "elsewhere").unlink()
        with pytest.raises(InboxCorrupt, match="was moved or removed while in use"):
            inbox.append(requests("a"))


def test_nothing_is_acknowledged_into_a_file_that_was_replaced(path: Path) -> None:
    with Inbox(path) as inbox:
        path.rename(path.with_name("old"))
        path.write_bytes(b"another file")
        with pytest.raises(InboxCorrupt, match="was moved or removed while in use"):
            inbox.append(requests("a"))


@pytest.mark.parametrize("place", ["missing/db.inbox", "."])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(InboxError, match="open") as error:
        Inbox(tmp_path / place)
    assert str(tmp_path / place) in str(error.value)

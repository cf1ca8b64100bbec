"""The key beside the database: made once, whole, for its owner alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spanscore.collector.config import beside
from spanscore.collector.keys import KeyFileError, ingest_key, master_key, read_token
from tests.support.inbox_disk import disk_full_beyond


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "s.duckdb"


def test_the_key_is_made_on_first_use_and_stays_the_same(db: Path) -> None:
    first = master_key(db)
    assert len(first) == 32
    assert master_key(db) == first
    assert beside(db, "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in db.parent.iterdir()] == ["s.duckdb.key"]


def test_the_keys_made_from_it_differ_from_each_other_and_between_databases(db: Path) -> None:
    keys = {master_key(db).hex(), read_token(db), ingest_key(db).hex(),
            read_token(db.with_name("other.duckdb"))}  # fmt: skip
    assert len(keys) == 4


def test_of_many_that_make_it_at_once_all_get_the_same(db: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(master_key, [db] * 8))) == 1


@pytest.mark.parametrize("text", ["", "00", "no key", "zz" * 32, "00" * 33])
def test_a_damaged_key_is_an_error_that_names_the_file_and_the_fix(
    tmp_path: Path, text: str
) -> None:
    beside(tmp_path / "s.duckdb", "key").write_text(text)
    with pytest.raises(KeyFileError, match=r"s\.duckdb\.key is damaged\. Delete it"):
        read_token(tmp_path / "s.duckdb")


def test_a_full_disk_leaves_no_part_of_a_key(db: Path) -> None:
    with disk_full_beyond(10), pytest.raises(OSError, match="too large"):
        master_key(db)
    assert not list(db.parent.iterdir())
    assert len(master_key(db)) == 32

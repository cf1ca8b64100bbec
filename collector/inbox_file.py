"""The SQLite file under the inbox: how it is made and opened, and what its faults are called."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .place import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_BYTES = 32768  # a request is some hundred KB: large pages halve the cost of a span
WAL_CHECKPOINT_PAGES = 2000
BUSY_TIMEOUT_MS = 5000

APPLICATION_ID = 0x73706E73  # "spns"
SCHEMA_VERSION = 1
_SCHEMA = f"""
CREATE TABLE inbox (identity TEXT NOT NULL);
CREATE TABLE request (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  signal INTEGER NOT NULL,
  origin TEXT NOT NULL,
  received_ns INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL, -- of the bodies up to this one, since the table was last empty
  crc32 INTEGER NOT NULL, -- of all that was put in: SQLite itself has no checksums
  body BLOB NOT NULL
);
CREATE TABLE reader (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class InboxError(Exception):
    """The inbox could not do what was asked; the message names the file and the fix."""


class InboxFull(InboxError):
    """There is no room, by the bound or on the disk; nothing was appended, try again later."""


class InboxBusy(InboxError):
    """Others held the file for too long; nothing was changed, try again later."""


class InboxCorrupt(InboxError):
    """The file is damaged, gone, or no inbox; a person must act, and the message says how."""


# A quota, and a limit on the size of files, come as a write that failed.
_NO_SPACE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class InboxFile:
    """An open inbox file: one connection, on which every error is one of the inbox's.

    The file is made if there is none: complete or not at all, mode 0600, which SQLite gives to its
    -wal and -shm as well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.faults():
            self._require_whole()
            if not path.exists():
                _create(path)
            self._place = place_of(path)
            self.db = _connect(path)
            try:
                self.identity = self._checked_identity()
            except BaseException:
                self.db.close()
                raise

    def close(self) -> None:
        """Close the connection; calling it twice does no harm."""
        self.db.close()

    def used_bytes(self) -> int:
        """The pages that hold something; a deleted row's pages are free to be used again."""
        (pages,) = self.db.execute("PRAGMA page_count").fetchone()
        (free,) = self.db.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock; durable at the end, nothing changed if anything is raised."""
        with self.faults():
            if place_of(self.path) != self._place:
                raise InboxCorrupt(
                    f"{self.path}: was moved or removed while in use; start the collector again"
                )
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Raise the errors of SQLite and of the file system as the inbox's own."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is None:  # a mistake in the calling code
                raise
            raise self._translated(error, code) from error
        except OSError as error:
            raise InboxError(f"{self.path}: cannot be opened: {error}") from error

    def corrupt(self, what: str) -> InboxCorrupt:
        """The error for a damaged file."""
        name = self.path.name
        return InboxCorrupt(
            f"{self.path}: {what}. Stop the collector, move {name}, {name}-wal and {name}-shm "
            "aside together, and start it again: it begins with an empty inbox. What was "
            "acknowledged but not loaded yet is in the moved file; `spanscore import` of that "
            "file loads what can still be read"
        )

    def _translated(self, error: sqlite3.Error, code: int) -> InboxError:
        primary_code = code & 0xFF
        if code in _NO_SPACE:
            return InboxFull(f"{self.path}: the disk takes no more ({error}); free some space")
        if primary_code in _BUSY:
            return InboxBusy(
                f"{self.path}: another process has held it for {BUSY_TIMEOUT_MS} ms ({error})"
            )
        if primary_code in _CORRUPT or code == sqlite3.SQLITE_IOERR_SHORT_READ:
            return self.corrupt(f"the file is damaged ({error})")
        return InboxError(f"{self.path}: {error}")

    def _require_whole(self) -> None:
        # SQLite would drop a -wal without its file, or with an empty one. The -wal is looked for
        # first: another process may be making the file now.
        wal_exists = self.path.with_name(f"{self.path.name}-wal").exists()
        size_bytes = self.path.stat().st_size if self.path.exists() else None
        if size_bytes == 0:
            raise self.corrupt("the file is empty, which an inbox never is")
        if size_bytes is None and wal_exists:
            raise self.corrupt("the file is missing, but its -wal is there")

    def _checked_identity(self) -> str:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise self.corrupt("the file is not an inbox")
        if version != SCHEMA_VERSION:
            raise self.corrupt(f"the inbox has version {version}, this program {SCHEMA_VERSION}")
        (identity,) = self.db.execute("SELECT identity FROM inbox").fetchone()
        return str(identity)


def _create(path: Path) -> None:
    """Make the file under another name and give it its own when it is complete."""
    new = path.with_name(f"{path.name}.new-{uuid.uuid4().hex}")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)
            db.execute("INSERT INTO inbox VALUES (?)", (str(uuid.uuid4()),))
        with suppress(FileExistsError):  # another process was first: its file counts
            os.link(new, path)
        _sync_folder(path.parent)
    finally:
        new.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
    )
    # A damaged text must come as far as the checksum.
    db.text_factory = partial(str, encoding="utf-8", errors="replace")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")  # on macOS fsync alone ends in the drive's cache
    # Some builds overwrite deleted rows with zeros, which writes everything twice.
    db.execute("PRAGMA secure_delete = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
    return db

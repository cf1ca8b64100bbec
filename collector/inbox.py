"""The durable queue between the doors that take telemetry and those who read it."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from isal.isal_zlib import crc32

from .signals import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_MAX_BYTES = 4 * 1024**3
PAGE_BYTES = 32768  # a request is some hundred KB: large pages halve the cost of a span
WAL_CHECKPOINT_PAGES = 2000
BUSY_TIMEOUT_MS = 5000
# One step of deleting: small, because a writer waits for as long as it takes.
SWEEP_BYTES = 4 * 1024**2
SWEEP_REQUESTS = 1000
# The steps of one `advance`: more than a reader passes at a time, so that deleting keeps up.
SWEEP_STEPS = 64

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
  crc32 INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE reader (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
_SIGNALS = {int(signal): signal for signal in Signal}
_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class InboxError(Exception):
    """The inbox could not do what was asked; the message names the file and the fix."""


class InboxFull(InboxError):
    """There is no room, by the bound or on the disk; nothing was appended, try again later."""


class InboxBusy(InboxError):
    """Others held the write lock for too long; nothing was changed, try again later."""


class InboxCorrupt(InboxError):
    """The file is damaged or is no inbox; a person must move it aside."""


@dataclass(frozen=True, slots=True)
class Request:
    """One Export request: OTLP protobuf, decompressed, masked."""

    signal: Signal
    origin: str
    received_ns: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A request and its place in the inbox."""

    position: int
    request: Request


@dataclass(frozen=True, slots=True)
class Depth:
    """What some reader has still to pass: how many requests, their bodies' bytes, the first."""

    requests: int
    bytes: int
    oldest_received_ns: int | None


class Inbox:
    """A queue of Export requests in one file, shared by writers and named readers."""

    def __init__(self, path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = Path(path)
        self.max_bytes = max_bytes
        with self._errors():
            self._inode = _create_unless_there(self.path)
            self._db = _connect(self.path)
            try:
                self.identity = self._checked_identity()
            except BaseException:
                self._db.close()
                raise
        self._data_version = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        self._db.close()

    def append(self, requests: Sequence[Request], counts: Mapping[str, int] = _NO_COUNTS) -> None:
        """Put `requests` at the end, in their order, and add `counts` to the counters."""
        if not requests and not counts:
            return
        with self._writing():
            if requests:
                self._insert(requests)
            self._add(counts)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters, durably."""
        self.append((), counts)

    def counters(self) -> dict[str, int]:
        """Every counter's sum since the file was made."""
        with self._errors():
            return dict(self._db.execute("SELECT name, value FROM counter"))

    def register(self, reader: str, position: int | None = None) -> int:
        """Make `reader` known, and return the position up to which it has passed.

        Without `position` a new reader starts before the oldest row kept and a known one stays
        where it is; with it, both stand there, so that rows after it are kept from now on.
        """
        with self._writing():
            known = self._reader_position(reader)
            if position is None:
                position = self._before_oldest() if known is None else known
            self._check_position(position)
            if position != known:
                self._db.execute("INSERT OR REPLACE INTO reader VALUES (?, ?)", (reader, position))
        return position

    def forget(self, reader: str) -> None:
        """Stop keeping rows for `reader`; an unknown one is no error."""
        with self._writing():
            self._db.execute("DELETE FROM reader WHERE name = ?", (reader,))

    def read(self, reader: str, *, after: int, max_requests: int, max_bytes: int) -> list[Entry]:
        """Rows with a position above `after`, in order; at least one if there is one.

        Ends before the row that would exceed `max_requests` or `max_bytes` (of bodies).
        """
        entries: list[Entry] = []
        room = max_bytes
        with self._errors():
            if self._reader_position(reader) is None:
                raise self._unknown(reader)
            with closing(self._db.execute(_SELECT, (after, max_requests))) as rows:
                for position, number, origin, received_ns, checksum, body in rows:
                    room -= len(body)
                    if entries and room < 0:
                        break
                    signal = _SIGNALS.get(number)
                    if signal is None or crc32(body) != checksum:
                        raise self._corrupt(f"the request at {position} has changed on the disk")
                    entries.append(Entry(position, Request(signal, origin, received_ns, body)))
        return entries

    def advance(self, reader: str, position: int) -> None:
        """Say that `reader`'s own effect is durable up to and including `position`."""
        with self._errors():
            known = self._reader_position(reader)
        if known is None:
            raise self._unknown(reader)
        if position > known:
            with self._writing():
                self._check_position(position)
                self._db.execute(
                    "UPDATE reader SET position = max(position, ?) WHERE name = ?",
                    (position, reader),
                )
        for _ in range(SWEEP_STEPS):
            if not self.sweep():
                break

    def sweep(self) -> bool:
        """Delete a small step of rows that every reader has passed; False: none was left."""
        with self._errors():
            last = self._sweepable()
        if last is None:
            return False
        with self._writing():
            # Asked again: a reader may have registered before these rows since.
            self._db.execute(
                "DELETE FROM request WHERE position <= min(?, (SELECT min(position) FROM reader))",
                (last,),
            )
        return True

    def changed(self) -> bool:
        """Whether anyone else has committed since the last call; True at the first."""
        with self._errors():
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
        before, self._data_version = self._data_version, version
        return bool(version != before)

    def depth(self) -> Depth:
        """What has still to be passed by at least one reader (by nobody: everything kept)."""
        with self._errors():
            row = self._db.execute(_DEPTH).fetchone()
        return Depth(0, 0, None) if row is None else Depth(*row)

    def _insert(self, requests: Sequence[Request]) -> None:
        new_bytes = sum(len(request.body) for request in requests)
        used_bytes = self._used_bytes()
        if used_bytes + new_bytes > self.max_bytes:
            raise InboxFull(
                f"{self.path}: {used_bytes:,} of {self.max_bytes:,} bytes are in use and "
                f"{new_bytes:,} more do not fit; wait for the readers, or raise --inbox-max"
            )
        last = self._db.execute(
            "SELECT total_bytes FROM request ORDER BY position DESC LIMIT 1"
        ).fetchone()
        total_bytes = last[0] if last else 0
        rows = []
        for request in requests:
            body = request.body
            total_bytes += len(body)
            rows.append(
                (
                    int(request.signal),
                    request.origin,
                    request.received_ns,
                    total_bytes,
                    crc32(body),
                    body,
                )
            )
        self._db.executemany(_INSERT, rows)

    def _add(self, counts: Mapping[str, int]) -> None:
        self._db.executemany(
            "INSERT INTO counter VALUES (?, ?) "
            "ON CONFLICT DO UPDATE SET value = value + excluded.value",
            counts.items(),
        )

    def _used_bytes(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    def _sweepable(self) -> int | None:
        """The last position of a step of rows to delete."""
        last, room = None, SWEEP_BYTES
        with closing(self._db.execute(_PASSED, (SWEEP_REQUESTS,))) as rows:
            for position, size in rows:
                room -= size
                if last is not None and room < 0:
                    break
                last = position
        return last

    def _reader_position(self, reader: str) -> int | None:
        row = self._db.execute("SELECT position FROM reader WHERE name = ?", (reader,)).fetchone()
        return row[0] if row else None

    def _last_position(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'request'").fetchone()
        return row[0] if row else 0

    def _before_oldest(self) -> int:
        (oldest,) = self._db.execute("SELECT min(position) FROM request").fetchone()
        return self._last_position() if oldest is None else oldest - 1

    def _check_position(self, position: int) -> None:
        last = self._last_position()
        if not 0 <= position <= last:
            raise InboxError(
                f"{self.path}: no position {position}, the last one is {last}; "
                "it belongs to another inbox"
            )

    def _unknown(self, reader: str) -> InboxError:
        return InboxError(f"{self.path}: no reader {reader!r} is registered")

    def _corrupt(self, what: str) -> InboxCorrupt:
        return InboxCorrupt(
            f"{self.path}: {what}. Stop the collector, move {self.path.name}, "
            f"{self.path.name}-wal and {self.path.name}-shm aside together and start again; "
            "what was acknowledged but not loaded yet is in the moved files"
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _checked_identity(self) -> str:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
            raise self._corrupt("this is no inbox of this version")
        (identity,) = self._db.execute("SELECT identity FROM inbox").fetchone()
        return str(identity)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is None:  # a mistake in the calling code
                raise
            raise self._translated(error, code) from error

    def _translated(self, error: sqlite3.Error, code: int) -> InboxError:
        if code in _NO_SPACE:
            return InboxFull(f"{self.path}: the disk takes no more ({error}); free some space")
        if code & 0xFF in _BUSY:
            return InboxBusy(
                f"{self.path}: another process holds it for over {BUSY_TIMEOUT_MS} ms ({error})"
            )
        if code & 0xFF in _CORRUPT or code in _CORRUPT:
            return self._corrupt(f"the file is damaged ({error})")
        return InboxError(f"{self.path}: {error}")


_INSERT = """
INSERT INTO request (signal, origin, received_ns, total_bytes, crc32, body)
VALUES (?, ?, ?, ?, ?, ?)
"""
_SELECT = """
SELECT position, signal, origin, received_ns, crc32, body FROM request
WHERE position > ? ORDER BY position LIMIT ?
"""
_PASSED = """
SELECT position, length(body) FROM request
WHERE position <= (SELECT min(position) FROM reader) ORDER BY position LIMIT ?
"""
# Positions have no gaps and bytes are summed up, so both ends tell what lies between.
_DEPTH = """
SELECT last.position - first.position + 1, last.total_bytes - first.bytes_before, first.received_ns
FROM
  (SELECT position, received_ns, total_bytes - length(body) AS bytes_before FROM request
   WHERE position > coalesce((SELECT min(position) FROM reader), 0)
   ORDER BY position LIMIT 1) AS first,
  (SELECT position, total_bytes FROM request ORDER BY position DESC LIMIT 1) AS last
"""
# A quota or a limit on the size of files comes as a failed write.
_NO_SPACE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR_SHORT_READ}


def _create_unless_there(path: Path) -> int:
    if not path.exists():
        new = path.with_name(f"{path.name}.new-{uuid.uuid4().hex}")
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(new, isolation_level=None)) as db:
                db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
                db.execute("INSERT INTO inbox VALUES (?)", (str(uuid.uuid4()),))
            with suppress(FileExistsError):
                os.link(new, path)
        finally:
            new.unlink()
    return path.stat().st_ino


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
    return db

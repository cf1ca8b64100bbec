"""The durable queue between the doors that take telemetry and those who read it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from isal.isal_zlib import crc32

from .inbox_file import InboxBusy, InboxCorrupt, InboxError, InboxFile, InboxFull
from .signals import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DEFAULT_MAX_BYTES",
    "Depth",
    "Entry",
    "Inbox",
    "InboxBusy",
    "InboxCorrupt",
    "InboxError",
    "InboxFull",
    "Request",
]

DEFAULT_MAX_BYTES = 4 * 1024**3
# One step of deleting holds the write lock for about a millisecond, 20 at worst under full load.
SWEEP_BYTES = 4 * 1024**2
SWEEP_REQUESTS = 1000
# The steps of one `advance`: far more than a reader passes at a time, so that deleting keeps up.
SWEEP_STEPS = 64

_SIGNALS = {int(signal): signal for signal in Signal}
_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


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
    """What at least one reader has still to pass; `bytes` are those of the bodies."""

    requests: int
    bytes: int
    oldest_received_ns: int | None


class Inbox:
    """A queue of Export requests in one file, shared by writers and named readers.

    - When `append` returns, all it was given is on the disk; when it raises, nothing of it is.
    - Positions count up by one in the order of the commits; none is ever used again.
    - A request comes back exactly as it was put in, or `InboxCorrupt` is raised.
    - A request stays until every registered reader has passed it, and with no reader for good.
    - `advance` deletes what every reader has passed, and its pages are used again; it does so in
      steps that hold the write lock for milliseconds, not for the whole of it.
    - The file grows to `max_bytes` and at most one append beyond; then `append` raises `InboxFull`
      until readers have advanced. Its -wal adds some 64 MB, more while a backlog builds up.
    - A full disk raises `InboxFull` as well. When there is space again, appending works again.
    - Any number of instances, in any number of processes, may use a file; one instance is used by
      one thread at a time. `InboxBusy` is raised when others hold the write lock for over 5 s.
    - A damaged, empty or foreign file raises `InboxCorrupt`, which says what to do; it is never
      replaced by an empty one. Neither is one that is moved or removed while it is open.
    - Counters are changed with the requests of the same `append`, or not at all.
    - The file, its -wal and its -shm can be read by their owner alone.
    """

    def __init__(self, path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = Path(path)
        self.max_bytes = max_bytes
        self._file = InboxFile(self.path)
        self._db = self._file.db
        self._data_version: int | None = None

    @property
    def identity(self) -> str:
        """A UUID made with the file: positions mean something only together with it."""
        return self._file.identity

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        self._file.close()

    def append(self, requests: Sequence[Request], counts: Mapping[str, int] = _NO_COUNTS) -> None:
        """Put `requests` at the end, in their order, and add `counts` to the counters."""
        if not requests and not counts:
            return
        with self._file.transaction():
            if requests:
                self._insert(requests)
            self._db.executemany(_ADD, counts.items())

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters, durably."""
        self.append((), counts)

    def counters(self) -> dict[str, int]:
        """Every counter's sum since the file was made."""
        with self._file.faults():
            return dict(self._db.execute("SELECT name, value FROM counter"))

    def drop_counters(self, prefix: str) -> None:
        """Forget the counters whose names begin so."""
        with self._file.transaction():
            self._db.execute("DELETE FROM counter WHERE substr(name, 1, ?) = ?",
                             (len(prefix), prefix))  # fmt: skip

    def register(self, reader: str, position: int | None = None) -> int:
        """Make `reader` known; returns the position up to which it has passed.

        Without `position` a new reader stands before the oldest request kept and a known one stays
        where it is; with it, either stands there, but what was deleted does not come back. Raises
        InboxError for a position never given.
        """
        with self._file.transaction():
            known = self._position_of(reader)
            if position is None:
                position = self._before_oldest() if known is None else known
            self._require_given(position)
            if position != known:
                self._db.execute("INSERT OR REPLACE INTO reader VALUES (?, ?)", (reader, position))
        return position

    def forget(self, reader: str) -> None:
        """Keep nothing for `reader` any more; one that is not known is no error."""
        with self._file.transaction():
            self._db.execute("DELETE FROM reader WHERE name = ?", (reader,))

    def read(self, reader: str, *, after: int, max_requests: int, max_bytes: int) -> list[Entry]:
        """The requests kept after position `after`, in order; empty if there is none.

        At most `max_requests`, and as many as have `max_bytes` of bodies together, but at least
        one. Nothing is missing if `after` is where `reader` stands or later. Raises InboxError
        when `reader` is not registered (any more), since then nothing is kept for it.
        """
        entries: list[Entry] = []
        room_bytes = max_bytes
        with self._file.faults():
            self._require_position_of(reader)
            with closing(self._db.execute(READ, (after + 1, max_requests))) as rows:
                for position, *columns in rows:
                    request = whole_request(*columns)
                    if request is None:
                        raise self._file.corrupt(f"the request at position {position} is damaged")
                    room_bytes -= len(request.body)
                    if entries and room_bytes < 0:
                        break
                    if entries and position != entries[-1].position + 1:
                        raise self._file.corrupt(f"requests before {position} are missing")
                    entries.append(Entry(position, request))
        return entries

    def advance(self, reader: str, position: int, *, deletes: bool = True) -> None:
        """Say that `reader` needs nothing up to and including `position` any more.

        To be called when the reader's own effect is durable. Going back changes nothing. Deletes
        what every reader has passed; of a long backlog a part, and the rest on later calls, or all
        of it when another reader advances (not `deletes`).
        """
        with self._file.transaction():
            if position > self._require_position_of(reader):
                self._require_given(position)
                self._db.execute(
                    "UPDATE reader SET position = ? WHERE name = ?", (position, reader)
                )
            more = deletes and self._delete_step()
        steps = 1
        while more and steps < SWEEP_STEPS:
            more = self.sweep()
            steps += 1

    def sweep(self) -> bool:
        """Delete one small step of what every reader has passed; whether more is left."""
        with self._file.transaction():
            return self._delete_step()

    def changed(self) -> bool:
        """Whether another instance has committed since the last call; True at the first.

        Costs some microseconds, and never misses a commit that no `read` has seen.
        """
        with self._file.faults():
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
        before, self._data_version = self._data_version, version
        return bool(version != before)

    def depth(self, reader: str | None = None) -> Depth:
        """What `reader` has still to pass; without it what some reader has, or all that is kept.

        A reader that is not registered has to pass all that is kept.
        """
        with self._file.faults():
            row = self._db.execute(_DEPTH, {"reader": reader}).fetchone()
        return Depth(*row) if row else Depth(0, 0, None)

    def last_position(self) -> int:
        """The position given last; 0 before the first."""
        with self._file.faults():
            return self._last_position()

    def readers(self) -> dict[str, int]:
        """Each registered reader, and the position up to which it has passed."""
        with self._file.faults():
            return dict(self._db.execute("SELECT name, position FROM reader"))

    def _insert(self, requests: Sequence[Request]) -> None:
        new_bytes = sum(len(request.body) for request in requests)
        used_bytes = self._file.used_bytes()
        if used_bytes + new_bytes > self.max_bytes:
            raise InboxFull(
                f"{self.path}: {used_bytes:,} of {self.max_bytes:,} bytes are in use and "
                f"{new_bytes:,} more do not fit; wait for its readers, or raise --inbox-max"
            )
        last = self._db.execute(_LAST_TOTAL).fetchone()
        total_bytes = last[0] if last else 0
        rows = []
        for request in requests:
            total_bytes += len(request.body)
            head = (int(request.signal), request.origin, request.received_ns)
            rows.append((*head, total_bytes, _checksum(request), request.body))
        self._db.executemany(_INSERT, rows)

    def _delete_step(self) -> bool:
        last, room_bytes, more = None, SWEEP_BYTES, False
        with closing(self._db.execute(_PASSED, (SWEEP_REQUESTS + 1,))) as rows:
            for number, (position, size_bytes) in enumerate(rows):
                more = number > 0 and (room_bytes < size_bytes or number == SWEEP_REQUESTS)
                if more:
                    break
                room_bytes -= size_bytes
                last = position
        if last is not None:
            self._db.execute("DELETE FROM request WHERE position <= ?", (last,))
        return more

    def _position_of(self, reader: str) -> int | None:
        row = self._db.execute("SELECT position FROM reader WHERE name = ?", (reader,)).fetchone()
        return row[0] if row else None

    def _require_position_of(self, reader: str) -> int:
        position = self._position_of(reader)
        if position is None:
            raise InboxError(f"{self.path}: keeps nothing for {reader!r}, which is not registered")
        return position

    def _last_position(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'request'").fetchone()
        return row[0] if row else 0

    def _before_oldest(self) -> int:
        (oldest,) = self._db.execute("SELECT min(position) FROM request").fetchone()
        return self._last_position() if oldest is None else oldest - 1

    def _require_given(self, position: int) -> None:
        last = self._last_position()
        if not 0 <= position <= last:
            raise InboxError(
                f"{self.path}: position {position} was never given, the last one is {last}; "
                "it must have come from another inbox"
            )


def whole_request(
    checksum: int, number: int, origin: str, received_ns: int, body: bytes
) -> Request | None:
    """The request in a row of the file; None when the row is not what was put in."""
    signal = _SIGNALS.get(number)
    if signal is None or not isinstance(body, bytes):
        return None
    request = Request(signal, origin, received_ns, body)
    return request if _checksum(request) == checksum else None


def _checksum(request: Request) -> int:
    head = f"{request.signal:d} {request.received_ns} {request.origin}".encode()
    return crc32(request.body, crc32(head))


_ADD = """
INSERT INTO counter VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_INSERT = """
INSERT INTO request (signal, origin, received_ns, total_bytes, crc32, body)
VALUES (?, ?, ?, ?, ?, ?)
"""
_LAST_TOTAL = "SELECT total_bytes FROM request ORDER BY position DESC LIMIT 1"
READ = """
SELECT position, crc32, signal, origin, received_ns, body FROM request
WHERE position >= ? ORDER BY position LIMIT ?
"""
_PASSED = """
SELECT position, length(body) FROM request
WHERE position <= (SELECT min(position) FROM reader) ORDER BY position LIMIT ?
"""
# Positions have no gaps and bytes are summed up, so the two ends tell what lies between them.
_DEPTH = """
SELECT last.position - first.position + 1, last.total_bytes - first.bytes_before, first.received_ns
FROM
  (SELECT position, received_ns, total_bytes - length(body) AS bytes_before FROM request
   WHERE position > coalesce(
     (SELECT min(position) FROM reader WHERE name = coalesce(:reader, name)), 0)
   ORDER BY position LIMIT 1) AS first,
  (SELECT position, total_bytes FROM request ORDER BY position DESC LIMIT 1) AS last
"""

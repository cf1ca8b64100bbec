"""`FILE.forward`: what each destination's forwarding stands at, and what was refused for good."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, Self

BUSY_TIMEOUT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cut (
  destination TEXT PRIMARY KEY, inbox TEXT NOT NULL, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS status (destination TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejection (
  id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, destination TEXT NOT NULL, url TEXT NOT NULL,
  signal TEXT NOT NULL, records INTEGER NOT NULL, trace_id TEXT, span_id TEXT, name TEXT,
  code TEXT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class LedgerError(Exception):
    """The file cannot be used; the message names it and the fix."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How far a destination has come whose reader keeps nothing in the inbox any more."""

    inbox: str
    position: int


@dataclass(slots=True)
class Status:
    """What one destination's forwarding stands at; the sums count since the file was made.

    `state`: `sending`, `waiting` (up to date), `retrying` (it asked for later, or does not answer)
    or `held` (its setting or its backend is wrong). `source`: `inbox` or `store`. `fills_inbox`:
    it is far behind and there is no store to go on from, so senders will be refused.
    """

    destination: str
    url: str = ""
    profile: str = "otlp"
    protocol: str = ""
    state: str = "waiting"
    source: str = "inbox"
    sent_records: int = 0
    sent_requests: int = 0
    sent_bytes: int = 0
    refused_records: int = 0
    refused_requests: int = 0
    retries: int = 0
    records_per_s: float = 0.0
    last_sent_at_ns: int | None = None
    last_error: str | None = None
    last_error_at_ns: int | None = None
    tries_again_at_ns: int | None = None
    last_position: int = 0
    fills_inbox: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """What a destination refused for good: what (its first record names it), where, and why."""

    at_ns: int
    destination: str
    url: str
    signal: str
    records: int
    trace_id: str | None
    span_id: str | None
    name: str | None
    code: str
    reason: str


class Ledger:
    """The open file (mode 0600), made if there is none; used by one thread at a time.

    What a method has written is on the disk when it returns. Several processes may have it open.
    Raises LedgerError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._faults():
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            [(version,)] = self._db.execute("PRAGMA user_version").fetchall()
            if not version:  # writing waits for others who write; who only reads need not
                self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        self._db.close()

    def cut(self, destination: str) -> Cut | None:
        """Where the destination goes on in the store; None while the inbox keeps its rows."""
        with self._faults():
            row = self._db.execute(
                "SELECT inbox, position FROM cut WHERE destination = ?", (destination,)
            ).fetchone()
        return Cut(*row) if row else None

    def set_cut(self, destination: str, cut: Cut | None) -> None:
        """Say where the destination goes on in the store; None: in the inbox."""
        with self._faults():
            if cut is None:
                self._db.execute("DELETE FROM cut WHERE destination = ?", (destination,))
            else:
                self._db.execute(
                    "INSERT OR REPLACE INTO cut VALUES (?, ?, ?)", (destination, *astuple(cut))
                )

    def status(self, destination: str) -> Status:
        """What was written last; a new Status for a destination that is not known."""
        return self.statuses().get(destination, Status(destination))

    def statuses(self) -> dict[str, Status]:
        """Every destination's status by its name."""
        known = {field.name for field in fields(Status)}
        with self._faults():
            rows = self._db.execute("SELECT json FROM status ORDER BY destination").fetchall()
        documents = [json.loads(text) for (text,) in rows]
        return {
            item["destination"]: Status(**{k: v for k, v in item.items() if k in known})
            for item in documents
        }

    def write_status(self, status: Status) -> None:
        """Keep the status of one destination."""
        with self._faults():
            self._db.execute(
                "INSERT OR REPLACE INTO status VALUES (?, ?)",
                (status.destination, json.dumps(asdict(status))),
            )

    def forget(self, destination: str) -> None:
        """Drop what is known of a destination that is not configured any more."""
        with self._faults():
            for table in ("cut", "status"):
                self._db.execute(f"DELETE FROM {table} WHERE destination = ?", (destination,))

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keep what was refused, until the store has it (table `forward_rejected`)."""
        rows = [(uuid.uuid4().hex, *astuple(rejection)) for rejection in rejections]
        with self._faults(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(f"INSERT INTO rejection VALUES ({', '.join('?' * 11)})", rows)

    def rejections(self, limit: int) -> list[tuple[Any, ...]]:
        """Some of what was refused and is not in the store: the id, then a Rejection's columns."""
        with self._faults():
            return self._db.execute("SELECT * FROM rejection LIMIT ?", (limit,)).fetchall()

    def loaded(self, ids: Sequence[str]) -> None:
        """Drop rejections that the store has."""
        with self._faults(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM rejection WHERE id = ?", [(i,) for i in ids])

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"{self.path}: {error}. When no collector runs it may be deleted: destinations "
                "that were far behind then go on with what the inbox has (see `spanscore forward`)"
            ) from error

"""Moves requests from the inbox into DuckDB, exactly once."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ..decode.batch import Batch, decode
from ..decode.errors import DecodeError
from ..inbox import Entry, Inbox
from ..signals import Signal
from . import arrivals, conversations, duplicates, traces
from .known_records import KnownRecords, apart
from .resources import Known
from .stale_runs import mark_received

READER = "loader"

MAX_REQUESTS = 256
MAX_BYTES = 24 << 20
"""One transaction takes at most this much: about 40,000 thin spans, some 300 MB while decoding."""

INTERVAL_S = 0.1
"""A commit at most this often while little arrives: 512 rows alone in one cost twice the WAL."""

POLL_S = 0.04

DIGEST_LIFE_NS = 24 * 3600 * 10**9

_TABLES = {Signal.TRACES: "span", Signal.LOGS: "log", Signal.METRICS: "metric_point"}


@dataclass(slots=True)
class Progress:
    """What this loader did since it started; rows are spans, log records and data points."""

    rows: int = 0
    duplicate_rows: int = 0
    duplicate_requests: int = 0
    conflicts: int = 0
    rejected_requests: int = 0
    commits: int = 0
    last_commit_s: float = 0.0
    freshness_s: float = 0.0

    def add(self, other: Progress) -> None:
        """Add the counts of one transaction."""
        for field in fields(self)[:5]:
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Loader:
    """Reads the inbox in order and stores each request exactly once.

    The cursor is written in the DuckDB transaction of the rows themselves, so a kill at any point
    loses nothing and doubles nothing; the inbox is told afterwards, and may forget what it is told.
    A request that cannot be decoded or stored goes to `rejected` with its reason and bytes and
    never stops the loader. Faults of the machine (full disk, memory) are raised, nothing advanced.

    `connection` is the loader's own cursor; one thread at a time uses a loader.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, inbox: Inbox) -> None:
        self.progress = Progress()
        self._connection = connection
        self._inbox = inbox
        self._resources = Known("resource")
        self._scopes = Known("scope")
        self._known_records = KnownRecords(connection)
        self._position = self._start()

    def _start(self) -> int:
        rows = self._connection.execute(
            "SELECT position FROM loader_cursor WHERE inbox = ?", [self._inbox.identity]
        ).fetchall()
        if not rows:
            self._connection.execute(
                "INSERT INTO loader_cursor VALUES (?, 0)", [self._inbox.identity]
            )
        position = int(rows[0][0]) if rows else 0
        self._inbox.register(READER, position)
        return position

    def run(self, stop: threading.Event, *, idle: Callable[[], None]) -> None:
        """Load until `stop` is set; then return at once, what is left stays in the inbox.

        `idle` is called between transactions and while nothing arrives; it may use the database,
        and returns soon.
        """
        while not stop.is_set():
            began_s = time.monotonic()
            full = self.load_once()
            if not full:
                stop.wait(max(0.0, INTERVAL_S - (time.monotonic() - began_s)))
            idle()
            while not full and not stop.is_set() and not self._inbox.changed():
                stop.wait(POLL_S)
                idle()

    def drain(self, deadline_s: float) -> bool:
        """Load all there is until `time.monotonic()` passes `deadline_s`; whether it is all in."""
        while time.monotonic() < deadline_s:
            before = self._position
            self.load_once()
            if self._position == before:
                return True
        return False

    def load_once(self) -> bool:
        """Load what waits, at most one transaction; whether the transaction was full."""
        entries = self._inbox.read(
            READER, after=self._position, max_requests=MAX_REQUESTS, max_bytes=MAX_BYTES
        )
        if not entries:
            return False
        self._load(entries)
        self._position = entries[-1].position
        self._inbox.advance(READER, self._position)
        self.progress.commits += 1
        self.progress.last_commit_s = time.time()
        self.progress.freshness_s = time.time() - entries[0].request.received_ns / 1e9
        size_bytes = sum(len(entry.request.body) for entry in entries)
        return len(entries) == MAX_REQUESTS or size_bytes > MAX_BYTES // 2

    def _load(self, entries: Sequence[Entry]) -> None:
        """All at once; if a request is bad, one by one, so that only the bad ones are rejected."""
        try:
            self._transaction(entries)
        except (DecodeError, duckdb.DataError, duckdb.ProgrammingError, pa.ArrowException) as error:
            if len(entries) == 1:
                self._reject(entries[0], str(error))
                return
            middle = len(entries) // 2
            self._load(entries[:middle])
            self._load(entries[middle:])

    def _transaction(self, entries: Sequence[Entry]) -> None:
        done = Progress()
        self._connection.execute("BEGIN")
        try:
            for signal in Signal:
                group = [entry for entry in entries if entry.request.signal == signal]
                if signal is not Signal.TRACES:
                    group = self._fresh(group, done)
                for part in apart(group):
                    self._store(signal, decode(signal, [e.request for e in part]), done)
                if group:
                    received = {entry.request.received_ns for entry in group}
                    mark_received(self._connection, _TABLES[signal], received)
            self._write_cursor(entries, done.rows)
            self._connection.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self._resources.commit()
        self._scopes.commit()
        self.progress.add(done)

    def _rollback(self) -> None:
        self._resources.rollback()
        self._scopes.rollback()
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            # The failed COMMIT has ended the transaction already; what counts is the first error.
            return

    def _fresh(self, entries: list[Entry], done: Progress) -> list[Entry]:
        """The requests that did not come before; their digests are remembered."""
        if not entries:
            return entries
        digests = [hashlib.sha256(entry.request.body).digest() for entry in entries]
        rows = self._connection.execute(
            "SELECT digest, origin FROM request_digest "
            "WHERE digest IN (SELECT unnest(?)) AND (origin = 'import' OR received_ns > ?)",
            [digests, time.time_ns() - DIGEST_LIFE_NS],
        ).fetchall()
        known = {(bytes(digest), origin) for digest, origin in rows}
        fresh: list[Entry] = []
        new: list[tuple[bytes, str, int]] = []
        for entry, digest in zip(entries, digests, strict=True):
            key = (digest, entry.request.origin)
            if key not in known:
                known.add(key)
                fresh.append(entry)
                new.append((*key, entry.request.received_ns))
        done.duplicate_requests += len(entries) - len(fresh)
        self._insert_digests(new)
        return fresh

    def _insert_digests(self, rows: list[tuple[bytes, str, int]]) -> None:
        if not rows:
            return
        digests, origins, received = zip(*rows, strict=True)
        table = pa.table(
            {
                "digest": pa.array(digests, pa.binary()),
                "origin": pa.array(origins, pa.string()),
                "received_ns": pa.array(received, pa.int64()),
            }
        )
        self._insert("request_digest", table)

    def _store(self, signal: Signal, batch: Batch, done: Progress) -> None:
        self._resources.insert(self._connection, batch.resources)
        self._scopes.insert(self._connection, batch.scopes)
        records = batch.records
        if signal is not Signal.METRICS:
            rows = arrivals.identified(records, batch.resources)
            arrived = arrivals.by_trace(rows)
            known = traces.remember(self._connection, arrived)
            conversations.of_traces(self._connection, arrived)
            conversations.of_sessions(self._connection, arrivals.by_session(rows))
            traces.infer(self._connection, rows)
        else:
            conversations.of_counters(self._connection, records)
        if signal is Signal.TRACES:
            records = self._new_spans(records, known, done)
        else:
            come = records.num_rows
            records = self._known_records.without_known(_TABLES[signal], records)
            done.duplicate_rows += come - records.num_rows
        self._insert(_TABLES[signal], records)
        done.rows += records.num_rows

    def _new_spans(self, spans: pa.Table, known: pa.Table, done: Progress) -> pa.Table:
        """The spans that did not come before; `known` are the windows of the traces that did."""
        split = duplicates.split(self._connection, spans, known)
        done.duplicate_rows += split.duplicates
        done.conflicts += len(split.conflicts)
        self._store_conflicts(split.conflicts, spans)
        return split.spans

    def _store_conflicts(self, conflicts: list[duplicates.Conflict], spans: pa.Table) -> None:
        if not conflicts:
            return
        received_ns = pc.max(spans["received_ns"])
        names = [field.name for field in fields(duplicates.Conflict)]
        columns = {name: [getattr(conflict, name) for conflict in conflicts] for name in names}
        table = pa.table({"received_ns": [received_ns.as_py()] * len(conflicts), **columns})
        self._insert("span_conflict", table)

    def _insert(self, table: str, rows: pa.Table) -> None:
        self._connection.register("arriving", rows)
        try:
            self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM arriving")
        finally:
            self._connection.unregister("arriving")

    def _reject(self, entry: Entry, reason: str) -> None:
        request = entry.request
        self._connection.execute("BEGIN")
        try:
            self._connection.execute(
                "INSERT INTO rejected VALUES (?, ?, ?, ?, ?, ?)",
                [request.received_ns, request.origin, request.signal.name.lower(),
                 entry.position, reason, request.body],
            )  # fmt: skip
            self._write_cursor([entry], 0)
            self._connection.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self.progress.rejected_requests += 1

    def _write_cursor(self, entries: Sequence[Entry], rows: int) -> None:
        """Note how far the inbox is loaded, and when what was loaded last had been received."""
        position = entries[-1].position
        self._connection.execute(
            "UPDATE loader_cursor SET position = ? WHERE inbox = ?",
            [position, self._inbox.identity],
        )
        received = [entry.request.received_ns for entry in entries]
        self._connection.execute(
            "INSERT INTO load_window VALUES (?, ?, ?, ?, ?)",
            [self._inbox.identity, position, min(received), max(received), rows],
        )

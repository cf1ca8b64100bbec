"""Writes what the inbox holds into a lake: every acknowledged row once, whatever is killed when."""

from __future__ import annotations

import hashlib
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from spanscore.queries.lake.storage import Storage

from ..decode.batch import decode
from ..decode.errors import DecodeError
from ..inbox import Entry, Inbox
from ..signals import Signal
from .parquet import about, by_hour, to_parquet
from .plan import Plan, Plans, new_id
from .readers import reader_name
from .rows import FOLDERS, Source, lake_rows, request_hash

MAX_BYTES = 128 << 20
"""Of bodies in one batch: 200,000 thin spans, some 16 MB of Parquet, 600 MB while it is made."""

MAX_REQUESTS = 20_000

CHUNK_BYTES = 8 << 20
"""Of bodies decoded at once."""

POLL_S = 0.25

REJECTED = "rejected"
"""The folder of what was acknowledged and cannot be decoded, with the reason and its bytes."""

_SEALED_BY = "spanscore.requests"


def collector_name() -> str:
    """This machine's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname()).strip("-") or "collector"


class LakeWriter:
    """An inbox reader that seals batches into a lake, and advances when a batch is sealed.

    A batch is sealed when it is `every_s` old or as large as one may be. It is first written down
    (`plan.py`), then its files are sealed, then the cursor advances: a kill between any two repeats
    the batch, and a file that is there already stays. A file of another collector under the same
    name (a copied inbox) is told by its content; ours goes under a new id, and stays under it.

    Raises StorageError, InboxError and OSError: nothing is lost then, call again later. One thread
    at a time uses a writer.
    """

    def __init__(
        self, inbox: Inbox, storage: Storage, state: Path, *, every_s: float, collector: str = ""
    ) -> None:
        self._inbox = inbox
        self._storage = storage
        self._every_s = every_s
        self._collector = collector or collector_name()
        self._reader = reader_name(storage.url)
        self._plans = Plans(state, storage.url)
        self._plan = self._plans.load(inbox.identity)
        # A lake that was left and is fed again has some of what the inbox still keeps.
        self._position = max(inbox.register(self._reader), self._plan.sealed)
        self.rows = 0
        """Rows sealed since the start."""

    def run(self, stop: threading.Event) -> None:
        """Seal what comes until `stop` is set."""
        while not stop.is_set():
            if not self.seal_due():
                stop.wait(POLL_S)

    def seal_due(self) -> bool:
        """Seal one batch if one is due; whether one was."""
        if self._plan.is_open or self._is_due():
            return self.seal()
        return False

    def seal(self) -> bool:
        """Seal one batch of what waits, due or not; False if nothing waits."""
        if not self._plan.is_open:
            last = self._last_of_batch()
            if last == self._position:
                return False
            self._keep(self._plan.opened(self._position + 1, last))
        self._seal_plan()
        self._inbox.advance(self._reader, self._plan.last)
        self._position = self._plan.last
        self._keep(self._plan.closed())
        return True

    def _keep(self, plan: Plan) -> None:
        self._plans.save(plan)
        self._plan = plan

    def _is_due(self) -> bool:
        depth = self._inbox.depth(self._reader)
        if depth.oldest_received_ns is None:
            return False
        age_s = time.time() - depth.oldest_received_ns / 1e9
        return age_s >= self._every_s or depth.bytes >= MAX_BYTES or depth.requests >= MAX_REQUESTS

    def _last_of_batch(self) -> int:
        last = self._position
        for entries in self._read(self._position + 1, None):
            last = entries[-1].position
        return last

    def _read(self, first: int, last: int | None) -> Iterator[list[Entry]]:
        """The entries from `first` to `last`, or as many as make a batch, some at a time."""
        after, room_bytes, room = first - 1, MAX_BYTES, MAX_REQUESTS
        while room > 0 and (last is None or after < last):
            entries = self._inbox.read(
                self._reader, after=after, max_requests=min(room, 2000), max_bytes=CHUNK_BYTES
            )
            if last is not None:
                entries = [entry for entry in entries if entry.position <= last]
            if not entries:
                return
            yield entries
            after = entries[-1].position
            if last is None:
                room -= len(entries)
                room_bytes -= sum(len(entry.request.body) for entry in entries)
                if room_bytes <= 0:
                    return

    def _seal_plan(self) -> None:
        plan = self._plan
        if self._position >= plan.last:
            return  # killed between advancing and closing the plan
        batch = _Batch(Source(self._collector, plan.writer))
        for entries in self._read(plan.first, plan.last):
            batch.add(entries)
        for folder, place, rows in batch.files():
            self._seal_file(f"{folder}/{place}", rows, batch.digest)
            self.rows += rows.num_rows

    def _seal_file(self, place: str, rows: pa.Table, digest: str) -> None:
        data = to_parquet(rows, {_SEALED_BY: digest, "spanscore.collector": self._collector})
        name = self._name(place, self._plan.writer)
        if self._storage.create(name, data) or self._is_ours(name, digest):
            return
        if not self._plan.alias:
            alias = new_id()
            print(
                f"spanscore: another collector writes to {self._storage.url} under the id "
                f"{self._plan.writer} (was its inbox copied?); this one goes on as {alias}",
                file=sys.stderr,
                flush=True,
            )
            self._keep(replace(self._plan, alias=alias))
        renamed = pa.repeat(self._plan.alias, rows.num_rows)
        rows = rows.set_column(rows.schema.get_field_index("inbox"), "inbox", renamed)
        data = to_parquet(rows, {_SEALED_BY: digest, "spanscore.collector": self._collector})
        self._storage.create(self._name(place, self._plan.alias), data)

    def _name(self, place: str, writer: str) -> str:
        plan = self._plan
        return f"{place}/{self._collector}-{writer}-{plan.first:012d}-{plan.last:012d}.parquet"

    def _is_ours(self, name: str, digest: str) -> bool:
        """Whether the object holds this batch already; one that is no Parquet does not."""
        try:
            return about(self._storage.read(name)).get(_SEALED_BY) == digest
        except pa.ArrowException:
            return False


class _Batch:
    """Rows by signal, in the order of their positions; a request that came twice counts once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tables: dict[Signal, list[pa.Table]] = {signal: [] for signal in Signal}
        self._seen: set[tuple[str, str]] = set()
        self._rejected: list[tuple[Entry, str]] = []
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """What the requests were, in hex: the same for the same batch in any version."""
        return self._digest.hexdigest()

    def add(self, entries: Sequence[Entry]) -> None:
        """Decode these entries."""
        fresh = []
        for entry in entries:
            request = entry.request
            key = (request.origin, request_hash(request.body))
            self._digest.update(f"{entry.position} {request.received_ns} {key}".encode())
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(entry)
        for signal in Signal:
            group = [entry for entry in fresh if entry.request.signal == signal]
            if group:
                self._decode(signal, group)

    def _decode(self, signal: Signal, entries: list[Entry]) -> None:
        while entries:
            try:
                batch = decode(signal, [entry.request for entry in entries])
            except DecodeError as error:
                self._rejected.append((entries[error.index], str(error)))
                entries = [e for index, e in enumerate(entries) if index != error.index]
                continue
            self._tables[signal].append(lake_rows(signal, batch, entries, self._source))
            return

    def files(self) -> Iterator[tuple[str, str, pa.Table]]:
        """Each file to seal: its folder, its partition, its rows."""
        for signal, tables in self._tables.items():
            if tables:
                for place, rows in by_hour(signal, pa.concat_tables(tables)):
                    yield FOLDERS[signal], place, rows
        if self._rejected:
            yield REJECTED, "date=1970-01-01/hour=00", self._rejected_rows()

    def _rejected_rows(self) -> pa.Table:
        entries = [entry for entry, _ in self._rejected]
        return pa.table(
            {
                "received_ns": pa.array([e.request.received_ns for e in entries], pa.int64()),
                "origin": [e.request.origin for e in entries],
                "signal": [e.request.signal.name.lower() for e in entries],
                "position": pa.array([e.position for e in entries], pa.int64()),
                "reason": [reason for _, reason in self._rejected],
                "body": pa.array([e.request.body for e in entries], pa.binary()),
                "inbox": [self._source.inbox] * len(entries),
            }
        )

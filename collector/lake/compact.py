"""Care of a lake: small files made large, what came twice taken out, old days removed."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from spanscore.queries.catalog import fingerprint
from spanscore.queries.engines import duckdb as engine
from spanscore.queries.lake import views as lake_views
from spanscore.queries.lake.snapshot import (
    COMPACTED,
    FOLDERS,
    Manifest,
    Snapshot,
    partition,
    take,
)
from spanscore.queries.lake.storage import Storage, StorageError, Stored
from spanscore.queries.view import View

from . import index
from .opened import Progressed, open_lake
from .rows import VERSION

FILE_BYTES = 128 << 20
"""About where a compacted file ends."""

GRACE_S = 3600.0
"""How long what is replaced stays, for questions that were asked before."""

SETTLED_S = 600.0
"""An hour is left alone until so long after its end: more is still to come for it."""

_TIME = {
    "spans": "start_ns",
    "logs": "coalesce(nullif(time_ns, 0), observed_ns)",
    "metric_points": "time_ns",
}

_PARQUET = (
    "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000, "
    f"KV_METADATA {{'spanscore.version': '{VERSION}'}}"
)


class CompactError(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one compaction did."""

    partitions: int
    files_before: int
    files_after: int
    rows_before: int
    """Of the files that it made into others."""
    rows_after: int
    """Less than before by what was there twice."""
    removed: int
    """Files that were replaced earlier and are gone now."""


def compact(
    storage: Storage,
    views: Sequence[View],
    progressed: Progressed,
    *,
    memory_limit: str = "2GB",
    grace_s: float = GRACE_S,
    settled_s: float = SETTLED_S,
) -> Report:
    """Compact every hour that is over, and bring the index up to date.

    Whoever reads meanwhile sees the lake as it was or as it is then, with the same answers. A kill
    at any point changes nothing that counts. Raises CompactError when another compaction was
    quicker, StorageError and LakeReadError.
    """
    before = take(storage)
    number = before.manifest.number + 1
    work = _Work(storage, number, memory_limit)
    places = sorted(_due(before, time.time() - settled_s))
    for folder, place in places:
        work.compact(folder, [n for n in before.names(folder) if partition(n) == place])
    manifest = _next(before, work, time.time_ns())
    # As of before: what compaction writes says nothing new.
    folder, made_by = _write_index(storage, before, number, views, progressed, memory_limit)
    manifest = replace(
        manifest, index=folder, views=made_by, indexed=tuple(_names_after(before, manifest))
    )
    if not storage.create(manifest.name, manifest.to_json()):
        raise CompactError(
            f"another compaction of {storage.url} was quicker; nothing was changed, try again"
        )
    removed = _remove(storage, take(storage), time.time_ns() - int(grace_s * 1e9))
    storage.sweep(time.time() - 24 * 3600)
    return Report(
        len(places), len(work.replaced), len(work.made), work.rows_before,
        sum(rows for _, rows in work.made), removed,
    )  # fmt: skip


def retain(storage: Storage, before_date: str) -> int:
    """Let all of the days before this one (YYYY-MM-DD) count no more; how many files they were.

    They are removed by a later compaction. Rows of no date (1970-01-01) stay. The index is made
    anew by the next compaction. Raises CompactError and StorageError.
    """
    snapshot = take(storage)
    old = [
        name
        for folder in FOLDERS
        for name in snapshot.names(folder)
        if "1970-01-01" < _date(name) < before_date
    ]
    if not old:
        return 0
    manifest = snapshot.manifest
    now_ns = time.time_ns()
    gone = set(old)
    manifest = replace(
        manifest,
        number=manifest.number + 1,
        written_ns=now_ns,
        files={name: rows for name, rows in manifest.files.items() if name not in gone},
        replaced={**manifest.replaced, **dict.fromkeys(old, now_ns)},
        index="",
        indexed=(),
    )
    if not storage.create(manifest.name, manifest.to_json()):
        raise CompactError(f"{storage.url} was changed meanwhile; nothing was done, try again")
    return len(old)


def _date(name: str) -> str:
    return name.split("date=", 1)[1][:10]


def _due(snapshot: Snapshot, now_s: float) -> Iterator[tuple[str, str]]:
    """The partitions with something that compaction did not write, whose hour is over."""
    hour = datetime.fromtimestamp(now_s, UTC).strftime("date=%Y-%m-%d/hour=%H")
    found: dict[tuple[str, str], bool] = defaultdict(bool)
    for folder in FOLDERS:
        for name in snapshot.names(folder):
            place = partition(name)
            found[folder, place] |= not name.rpartition("/")[2].startswith(COMPACTED)
    for (folder, place), is_open in found.items():
        if is_open and place.removeprefix(f"{folder}/") < hour:
            yield folder, place


class _Work:
    """Files made of others, one partition at a time."""

    def __init__(self, storage: Storage, number: int, memory_limit: str) -> None:
        self._storage = storage
        self._number = number
        self._memory_limit = memory_limit
        self.replaced: list[str] = []
        self.made: list[tuple[Stored, int]] = []
        self.rows_before = 0

    def compact(self, folder: str, names: list[str]) -> None:
        """Make these files of one partition into one, or into as many as it takes."""
        with (
            engine.connect(self._storage, memory_limit=self._memory_limit) as connection,
            tempfile.TemporaryDirectory() as local,
        ):
            try:
                self._write(connection, folder, names, Path(local, "out"))
            except (duckdb.Error, OSError) as error:
                raise engine.explained(self._storage, error) from error
            for number, path in enumerate(sorted(Path(local, "out").iterdir())):
                self._seal(partition(names[0]), number, path)
        self.replaced += names

    def _write(
        self, connection: duckdb.DuckDBPyConnection, folder: str, names: list[str], out: Path
    ) -> None:
        connection.execute("SET preserve_insertion_order = true")
        engine.create_raw(connection, "raw", self._storage, folder, names)
        connection.execute(f"CREATE TABLE twin AS {lake_views.twins(folder, 'raw')}")
        [(rows,)] = connection.execute("SELECT count(*) FROM raw").fetchall()
        self.rows_before += rows
        select = lake_views.without_twins(folder, "raw", "twin")
        connection.execute(
            f"COPY (SELECT * FROM ({select}) ORDER BY {_TIME[folder]}, inbox, position) "
            f"TO '{out}' ({_PARQUET}, FILE_SIZE_BYTES {FILE_BYTES})"
        )

    def _seal(self, place: str, number: int, path: Path) -> None:
        # Its own id too: of two compactions at once each writes files of its own.
        data = path.read_bytes()
        stamp = f"{time.time_ns():x}"
        name = f"{place}/{COMPACTED}{self._number:06d}-{number:03d}-{stamp}.parquet"
        if not self._storage.create(name, data):
            raise StorageError(f"{self._storage.url}/{name} is there already; try again")
        self.made.append((Stored(name, len(data)), pq.ParquetFile(path).metadata.num_rows))


def _next(before: Snapshot, work: _Work, now_ns: int) -> Manifest:
    old = before.manifest
    gone = {*work.replaced, *before.missing}
    files = {name: rows for name, rows in old.files.items() if name not in gone}
    files |= {stored.name: rows for stored, rows in work.made}
    there = {stored.name for stored in before.ignored}
    replaced = {name: at for name, at in old.replaced.items() if name in there}
    return Manifest(
        number=old.number + 1,
        written_ns=now_ns,
        files=files,
        replaced={**replaced, **dict.fromkeys(work.replaced, now_ns)},
        index=old.index,
        indexed=old.indexed,
        views=old.views,
    )


def _names_after(before: Snapshot, manifest: Manifest) -> Iterator[str]:
    """The files that readers will see with this manifest, if nothing else comes."""
    yield from manifest.files
    for folder in FOLDERS:
        for name in before.names(folder):
            if name not in manifest.replaced and name not in manifest.files:
                yield name


def _write_index(
    storage: Storage,
    snapshot: Snapshot,
    number: int,
    views: Sequence[View],
    progressed: Progressed,
    memory_limit: str,
) -> tuple[str, str]:
    """Write an index of all files of the snapshot; what the one before knows is taken over.

    Returns its folder, and what tells by which views it was made.
    """
    folder = f"index/{number:06d}-{time.time_ns():x}"
    with (
        open_lake(storage, views, memory_limit=memory_limit, snapshot=snapshot) as lake,
        tempfile.TemporaryDirectory() as local,
    ):
        lake.compute_runs(progressed)
        for name, select in index.contents(lake.kept):
            path = Path(local, f"{name}.parquet")
            lake.connection.execute(f"COPY ({select}) TO '{path}' ({_PARQUET})")
            storage.create(f"{folder}/{name}.parquet", path.read_bytes())
            path.unlink()
        return folder, fingerprint(views)


def _remove(storage: Storage, snapshot: Snapshot, before_ns: int) -> int:
    """Remove what was replaced before this time, and what no compaction finished."""
    removed = 0
    for stored in snapshot.ignored:
        at_ns = snapshot.manifest.replaced.get(stored.name)
        if at_ns is None:
            at_ns = _written_ns(stored.name)
        if at_ns <= before_ns:
            storage.remove(stored.name)
            removed += 1
    for stored in storage.list("index"):
        current = stored.name.startswith(f"{snapshot.manifest.index}/")
        if not current and _written_ns(partition(stored.name)) <= before_ns:
            storage.remove(stored.name)
    return removed


def _written_ns(name: str) -> int:
    """When compaction began to write this object: the last part of its name."""
    return int(name.removesuffix(".parquet").rpartition("-")[2], 16)

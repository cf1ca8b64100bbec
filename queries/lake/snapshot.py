"""What a lake holds at one moment: the files that count, and what compaction has kept of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from .storage import Storage, StorageError, Stored

FOLDERS = ("spans", "logs", "metric_points")

COMPACTED = "compacted-"
"""Begins the names of files that compaction wrote; they count if the manifest names them."""

NO_TIME = "date=1970-01-01/hour=00"
"""The partition of rows whose clock told no time, or one that is nobody's."""

LAST_NS = 2**62 - 1
"""Times beyond (the year 2116) are nobody's clock; like those before 1970 they count as none."""

MANIFESTS = "manifest"

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What compaction has done to a lake; each one replaces the one before.

    Written once, on condition that its number is free, so that of two compactions at once one
    counts, and the other has changed nothing.
    """

    number: int = 0
    written_ns: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    """The compacted files that count, and their rows."""
    replaced: Mapping[str, int] = field(default_factory=dict)
    """Files that count no more, and since when (ns since 1970); they are removed later."""
    index: str = ""
    """The folder of what is kept of the indexed files (`trace_ids`, the views of runs); '' none."""
    indexed: tuple[str, ...] = ()
    """The files that the index was made of."""
    views: str = ""
    """What tells whether the index was made by the same views."""

    @property
    def name(self) -> str:
        """Its object."""
        return f"{MANIFESTS}/{self.number:09d}.json"

    def to_json(self) -> bytes:
        """What its object holds."""
        return json.dumps({"format": FORMAT, **asdict(self)}).encode()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a lake that count, by folder, and the manifest that they were taken with."""

    files: Mapping[str, tuple[Stored, ...]]
    manifest: Manifest
    missing: tuple[str, ...]
    """Compacted files that the manifest names and the store has no more."""
    ignored: tuple[Stored, ...]
    """What lies in the lake and does not count: replaced, or written by a compaction cut short."""

    def names(self, folder: str) -> list[str]:
        """The files of a folder that count."""
        return [stored.name for stored in self.files[folder]]

    def between(self, folder: str, first_ns: int, last_ns: int) -> list[str]:
        """Those that may hold something of these times (ns since 1970), or of no known time."""
        first, last = _hour(first_ns), _hour(last_ns)
        return [
            name
            for name in self.names(folder)
            if first <= partition(name).removeprefix(f"{folder}/") <= last
            or partition(name) == f"{folder}/{NO_TIME}"
        ]

    def new(self, folder: str) -> list[str]:
        """Those that the index knows nothing of."""
        indexed = set(self.manifest.indexed)
        return [name for name in self.names(folder) if name not in indexed]


def take(storage: Storage) -> Snapshot:
    """What the lake holds now. Raises StorageError, also for a manifest of a later version."""
    # In this order: what a manifest replaces is removed long after it is written.
    manifest = latest(storage)
    files: dict[str, tuple[Stored, ...]] = {}
    ignored: list[Stored] = []
    found: set[str] = set()
    for folder in FOLDERS:
        kept: list[Stored] = []
        for stored in storage.list(folder):
            if not stored.name.endswith(".parquet"):
                continue
            found.add(stored.name)
            counts = _counts(stored.name, manifest)
            (kept if counts else ignored).append(stored)
        files[folder] = tuple(kept)
    missing = tuple(sorted(set(manifest.files) - found))
    return Snapshot(files, manifest, missing, tuple(ignored))


def latest(storage: Storage) -> Manifest:
    """The manifest that counts; an empty one where there is none yet."""
    numbers = [s.name for s in storage.list(MANIFESTS) if s.name.endswith(".json")]
    if not numbers:
        return Manifest()
    return _parse(storage.read(numbers[-1]), f"{storage.url}/{numbers[-1]}")


def _counts(name: str, manifest: Manifest) -> bool:
    if name.rpartition("/")[2].startswith(COMPACTED):
        return name in manifest.files
    return name not in manifest.replaced


def _parse(data: bytes, where: str) -> Manifest:
    try:
        members: dict[str, Any] = json.loads(data)
        version = members.pop("format")
        if version > FORMAT:
            raise StorageError(f"{where} was written by a newer spanscore; install that one")
        members["indexed"] = tuple(members["indexed"])
        return Manifest(**members)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"{where} is damaged ({error}). Remove it: the one before it counts again, and the "
            "next `spanscore lake compact` does its work anew"
        ) from None


def _hour(time_ns: int) -> str:
    """The partition of this time; of one that no file's name can tell, the last or the first."""
    seconds = min(max(time_ns, 0), LAST_NS) // 10**9
    return datetime.fromtimestamp(seconds, UTC).strftime("date=%Y-%m-%d/hour=%H")


def partition(name: str) -> str:
    """`spans/date=.../hour=..` of a file's name."""
    return name.rpartition("/")[0]

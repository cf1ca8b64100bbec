"""`spanscore lake`: what is said of a lake, and what is done to it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from spanscore.queries.lake import views as lake_views
from spanscore.queries.lake.snapshot import COMPACTED, FOLDERS, Snapshot, take
from spanscore.queries.lake.storage import Storage, open_storage
from spanscore.queries.view import View

from ..config import ConfigError, Settings
from ..inbox import Inbox
from ..lake.compact import compact, retain
from ..lake.progress import computing
from ..lake.readers import reader_name
from ..own_views import views_of

Form = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Status:
    """What is in a lake."""

    lake: str
    folders: dict[str, dict[str, int]]
    compacted_files: int
    newest_compaction: str | None
    indexed_files: int
    to_be_removed: int
    missing: list[str]
    unsealed_requests: int | None
    """Of the collector of `db`; None where there is none, or it feeds another lake."""
    oldest_unsealed_s: float | None


def lake_of(settings: Settings) -> Storage:
    """The lake that the settings name. Raises ConfigError and StorageError."""
    if not settings.lake:
        raise ConfigError("lake: name one, a folder or s3://BUCKET/PREFIX, with --lake")
    return open_storage(settings.lake)


def status(settings: Settings) -> Status:
    """Look at the lake. Raises ConfigError, StorageError and InboxError."""
    storage = lake_of(settings)
    snapshot = take(storage)
    manifest = snapshot.manifest
    written = datetime.fromtimestamp(manifest.written_ns / 1e9, UTC) if manifest.number else None
    requests, oldest_s = _unsealed(settings, storage)
    names = {name for folder in FOLDERS for name in snapshot.names(folder)}
    return Status(
        lake=storage.url,
        folders={folder: _sizes(snapshot, folder) for folder in FOLDERS},
        compacted_files=sum(name.rpartition("/")[2].startswith(COMPACTED) for name in names),
        newest_compaction=written.isoformat(timespec="seconds") if written else None,
        indexed_files=len(names & set(manifest.indexed)),
        to_be_removed=len(snapshot.ignored),
        missing=list(snapshot.missing),
        unsealed_requests=requests,
        oldest_unsealed_s=oldest_s,
    )


def _sizes(snapshot: Snapshot, folder: str) -> dict[str, int]:
    files = snapshot.files[folder]
    return {
        "files": len(files),
        "bytes": sum(file.size_bytes for file in files),
        "hours": len({file.name.rpartition("/")[0] for file in files}),
        "compacted_rows": sum(snapshot.manifest.files.get(file.name, 0) for file in files),
    }


def _unsealed(settings: Settings, storage: Storage) -> tuple[int | None, float | None]:
    if not settings.inbox.exists():
        return None, None
    with Inbox(settings.inbox) as inbox:
        name = reader_name(storage.url)
        if name not in inbox.readers():
            return None, None
        depth = inbox.depth(name)
    if depth.oldest_received_ns is None:
        return depth.requests, None
    age_s = datetime.now(UTC).timestamp() - depth.oldest_received_ns / 1e9
    return depth.requests, round(max(age_s, 0.0), 1)


def print_status(settings: Settings, form: Form) -> None:
    """Print what is in the lake."""
    found = status(settings)
    if form == "json":
        print(json.dumps(asdict(found), indent=2))
        return
    print(found.lake)
    for folder, sizes in found.folders.items():
        size = f"{sizes['bytes'] / 1e6:>11,.1f} MB"
        counts = f"{sizes['hours']:>6,} hours  {sizes['compacted_rows']:>13,} rows compacted"
        print(f"  {folder:<14} {sizes['files']:>7,} files  {size}  {counts}")
    compaction = found.newest_compaction or "never; run `spanscore lake compact`"
    print(f"  compacted      {compaction}, {found.compacted_files:,} files; "
          f"{found.to_be_removed:,} wait to be removed")  # fmt: skip
    print(f"  index          knows {found.indexed_files:,} files")
    if found.unsealed_requests is not None:
        age = (
            f", the oldest for {found.oldest_unsealed_s:,.0f} s" if found.oldest_unsealed_s else ""
        )
        print(f"  not sealed     {found.unsealed_requests:,} requests{age} ({settings.db})")
    for name in found.missing:
        print(f"  missing        {name}: compaction wrote it, and somebody else removed it")


def run_compact(settings: Settings, form: Form) -> None:
    """Compact the lake, and print what that came to."""
    storage = lake_of(settings)
    with computing() as progressed:
        report = compact(
            storage, views_of(settings), progressed, memory_limit=_memory_limit(settings)
        )
    if form == "json":
        print(json.dumps(asdict(report), indent=2))
        return
    twice = report.rows_before - report.rows_after
    print(f"{report.partitions:,} hours: {report.files_before:,} files made into "
          f"{report.files_after:,}, {twice:,} of {report.rows_before:,} rows were there twice; "
          f"{report.removed:,} replaced files removed")  # fmt: skip


def run_retain(settings: Settings, days: int) -> None:
    """Let go of the days before the last `days`, today among them (UTC)."""
    first = datetime.now(UTC).date() - timedelta(days=days - 1)
    files = retain(lake_of(settings), first.isoformat())
    print(f"{files:,} files of days before {first} count no more; compaction removes them")


def print_sql(settings: Settings, engine: Literal["spark", "duckdb"]) -> None:
    """Print a statement for each view, in order."""
    views = views_of(settings)
    for name, select in _statements(views, engine):
        print(f"CREATE OR REPLACE VIEW {name} AS\n{select};\n")


def _statements(views: tuple[View, ...], engine: Literal["spark", "duckdb"]) -> Any:
    if engine == "spark":
        from spanscore.queries.engines.spark import statements  # noqa: PLC0415 - an extra

        return statements(views)
    return lake_views.everything(views)


def _memory_limit(settings: Settings) -> str:
    return f"{max(settings.memory, 2_000_000_000) // 1_000_000}MB"

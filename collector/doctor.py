"""`spanscore doctor`: looks at ports, files, locks, disk and versions, and says what is wrong."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import duckdb

from . import running
from .config import Settings, beside, split_address
from .forward.ledger import Ledger, LedgerError, Status
from .forward.metrics import lag_of
from .forward.progress import FILLS
from .inbox import Inbox, InboxError
from .lake.readers import LOADER
from .store.database import DatabaseError, Schema, open_database, schema_version

Level = Literal["ok", "note", "wrong"]

LOW_DISK_BYTES = 1 << 30
HEALTH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok`, a `note` to know, or `wrong` with the fix in the text."""

    level: Level
    subject: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises, changes nothing."""
    collector = running.find(settings.db)
    findings = [_versions()]
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: _collector(settings, collector),
        lambda: _database(settings, collector),
        lambda: _inbox(settings),
        lambda: _spool(settings),
        lambda: _forwarding(settings, collector),
        lambda: _modes(settings),
        lambda: _disk(settings),
    ]
    if collector is None:
        checks.append(lambda: _ports(settings))
    for check in checks:
        try:
            findings += check()
        except OSError as error:
            findings.append(Finding("wrong", "files", str(error)))
    return findings


def _versions() -> Finding:
    python = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        "ok", "versions",
        f"spanscore {version('spanscore')}, Python {python}, DuckDB {duckdb.__version__}",
    )  # fmt: skip


def _collector(settings: Settings, collector: running.Running | None) -> Iterator[Finding]:
    note = beside(settings.db, "serve.json")
    if collector is None:
        if note.exists():
            yield Finding("note", "collector", f"none runs; {note} was left by one that was killed")
        else:
            yield Finding("note", "collector", f"none runs on {settings.db}")
        return
    doors = ", ".join(filter(None, (collector.grpc, collector.http, collector.web)))
    started = f"process {collector.pid} since {collector.started_at}, {doors}"
    yield Finding("ok", "collector", started)
    if collector.web:
        yield _health(collector)


def _health(collector: running.Running) -> Finding:
    url = f"{collector.web}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT_S) as response:
            health = json.load(response)
    except urllib.error.HTTPError as error:
        health = json.load(error)
    except (OSError, ValueError) as error:
        return Finding("wrong", "health", f"{url} does not answer ({error}); see what it printed")
    if health["problem"]:
        return Finding("wrong", "health", health["problem"])
    return Finding("ok", "health", f"{health['inbox_requests']} requests wait for the loader, "
                   f"freshness {health['freshness_s']:.2f} s")  # fmt: skip


def _database(settings: Settings, collector: running.Running | None) -> Iterator[Finding]:
    db = settings.db
    if not db.exists():
        yield Finding("note", "database", f"{db} does not exist yet; `spanscore serve` makes it")
        return
    if collector is not None:
        yield Finding("ok", "database", f"{db} ({_mb(db)}) is held by the collector")
        return
    try:
        connection = duckdb.connect(
            str(db), read_only=True, config={"python_enable_replacements": "false"}
        )
    except duckdb.Error as error:
        yield Finding("wrong", "database", f"{db} cannot be opened: {error}. If another program "
                      "holds it, end that; else move it aside and restore a copy")  # fmt: skip
        return
    with connection:
        yield _schema(connection, db)
        yield from _rejected(connection)


def _schema(connection: duckdb.DuckDBPyConnection, db: Path) -> Finding:
    try:
        found = schema_version(connection, db)
    except DatabaseError as error:
        return Finding("wrong", "schema", str(error))
    known = Schema().version
    if found > known:
        return Finding("wrong", "schema", f"version {found}; this spanscore knows up to {known}. "
                       "Install a newer one")  # fmt: skip
    if found < known:
        return Finding("note", "schema", f"version {found}; the next start migrates it to {known}")
    return Finding("ok", "schema", f"version {found}, file {_mb(db)}")


def _rejected(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    for table, what in (
        ("rejected", "requests could not be stored; see the table `rejected` for the reasons"),
        ("marts.failed_run", "runs could not be computed; see the table for the reasons"),
        ("span_conflict", "spans came under an id that was known; see the table `span_conflict`"),
    ):
        try:
            [(count,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        except duckdb.CatalogException:
            continue
        if count:
            yield Finding("note", table, f"{count} {what}")


def _inbox(settings: Settings) -> Iterator[Finding]:
    if not settings.inbox.exists():
        yield Finding("note", "inbox", f"{settings.inbox} does not exist yet")
        return
    try:
        with Inbox(settings.inbox, max_bytes=settings.inbox_max) as inbox:
            depth = inbox.depth(LOADER)
    except InboxError as error:
        yield Finding("wrong", "inbox", str(error))
        return
    yield Finding("ok", "inbox", f"{depth.requests} requests ({depth.bytes / 1e6:.1f} MB) wait to "
                  "be loaded")  # fmt: skip


def _spool(settings: Settings) -> Iterator[Finding]:
    """What `run` and `sweep` kept because no collector took it, or because they were killed."""
    folder = beside(settings.db, "spool")
    if runs := len(list(folder.glob("*.pb"))):
        yield Finding("note", "spool", f"no collector took telemetry of runs (files: {runs}). When "
                      f"they have ended: spanscore import {folder}, then remove it")  # fmt: skip


def _forwarding(settings: Settings, collector: running.Running | None) -> Iterator[Finding]:
    path = beside(settings.db, "forward")
    if not path.exists() or not settings.inbox.exists():
        return
    try:
        with Ledger(path) as ledger:
            statuses = ledger.statuses()
        lags = lag_of(settings.inbox, statuses)
    except (LedgerError, InboxError) as error:
        yield Finding("wrong", "forwarding", str(error))
        return
    for name, status in statuses.items():
        yield _destination(status, lags[name][0], runs=collector is not None)
        if status.refused_records:
            yield Finding("note", f"forwarding to {name}", f"{status.refused_records:,} records "
                          "were refused for good; see the table `forward_rejected`")  # fmt: skip


def _destination(status: Status, waiting: int, *, runs: bool) -> Finding:
    subject = f"forwarding to {status.destination}"
    if not runs:
        text = f"{waiting:,} requests wait for `spanscore serve`" if waiting else "up to date"
        return Finding("note" if waiting else "ok", subject, text)
    if status.fills_inbox:
        return Finding("wrong", subject, FILLS)
    behind = f"; {waiting:,} requests wait"
    if status.state in ("held", "retrying"):
        level: Level = "wrong" if status.state == "held" else "note"
        return Finding(level, subject, f"{status.last_error}{behind}")
    return Finding("ok", subject, f"{status.sent_records:,} records sent{behind}")


def _modes(settings: Settings) -> Iterator[Finding]:
    for path in sorted(settings.db.parent.glob(f"{settings.db.name}*")):
        if path.is_file() and path.stat().st_mode & 0o077:
            yield Finding("wrong", "files", f"others can read {path}; run: chmod 600 {path}")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.db.resolve().parent
    free = shutil.disk_usage(folder).free
    level: Level = "ok" if free > LOW_DISK_BYTES else "wrong"
    hint = "" if level == "ok" else "; when it is full senders are asked to come again. Free some"
    yield Finding(level, "disk", f"{free / 1e9:.1f} GB free in {folder}{hint}")


def _ports(settings: Settings) -> Iterator[Finding]:
    for name in ("grpc", "http", "web"):
        address = getattr(settings, name)
        host, port = split_address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                yield Finding("wrong", name, f"{address} cannot be opened: {error.strerror}. Stop "
                              f"what listens there, or choose another with --{name}")  # fmt: skip
            else:
                yield Finding("ok", name, f"{address} is free")


def compact(settings: Settings) -> tuple[int, int]:
    """Rewrite the database so that the space of removed runs goes back; its size before and after.

    The old file is replaced when the new one is complete and on disk. Raises DatabaseError while a
    collector runs.
    """
    db = settings.db
    if running.find(db):
        raise DatabaseError(f"a collector holds {db}; stop it first, then compact")
    if not db.exists():
        raise DatabaseError(f"{db} does not exist; name the file with --db")
    new = db.with_name(f"{db.name}.compacting")
    before = db.stat().st_size
    try:
        _copy(settings, new)
        new.chmod(0o600)
        new.replace(db)
    except duckdb.OperationalError as error:
        raise DatabaseError(f"{db} is as it was; it could not be compacted: {error}") from error
    finally:
        for left in (new, new.with_name(f"{new.name}.wal")):
            left.unlink(missing_ok=True)
    return before, db.stat().st_size


def _copy(settings: Settings, new: Path) -> None:
    new.unlink(missing_ok=True)
    memory_limit = settings.memory_limit
    with open_database(settings.db, memory_limit=memory_limit) as connection:
        connection.execute("CHECKPOINT")
        [(name,)] = connection.execute("SELECT current_database()").fetchall()
        connection.execute(f"ATTACH '{str(new).replace(chr(39), chr(39) * 2)}' AS compacted")
        connection.execute(f'COPY FROM DATABASE "{name}" TO compacted')
        connection.execute("DETACH compacted")


def _mb(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"

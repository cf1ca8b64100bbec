"""A collector for as long as somebody needs it: what `run` and `sweep` use when none is running."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spanscore.instrumentation.delivery import Collector

from . import running
from .child import START_S, ServiceError
from .config import Settings, beside, load
from .keys import ingest_key
from .options import show
from .receiver.origin import mint
from .service import STOP_S, Service

POLL_S = 0.1

_ANY_PORT = "127.0.0.1:0"
_PASSED_ON = (
    "db", "max_request", "inbox_max", "mask_values", "mask_env", "mask_patterns", "content",
    "memory", "views", "prices",
)  # fmt: skip


@contextmanager
def collecting(settings: Settings) -> Iterator[Collector]:
    """The collector of this database: the one that runs, else one of our own.

    Ours takes free ports, serves all who come while it runs, and stops, drained, when the last of
    them has left or died; the last one waits for that. Raises ServiceError and KeyFileError.
    """
    with _in_use(settings.db) as users:
        note = running.find(settings.db) or _started(settings)
        yield collector_at(note, settings.db)
        alone = _is_alone(users)
    if note.embedded and alone:
        _wait_until(lambda: running.find(settings.db) is None, STOP_S + START_S)


def collector_at(note: running.Running, db: Path) -> Collector:
    """How the harness and an agent reach a running collector, with new tokens for both."""
    key, identity = ingest_key(db), secrets.token_hex(6)
    return Collector(
        http=note.http,
        grpc=note.grpc,
        harness_token=mint(key, "harness", identity),
        agent_token=mint(key, "agent", identity),
    )


@contextmanager
def _in_use(db: Path) -> Iterator[IO[bytes]]:
    """Keeps an embedded collector running: it stops when nobody holds this lock any more."""
    path = beside(db, "users")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as users:
        if not _wait_until(lambda: _locked(users, fcntl.LOCK_SH), STOP_S + START_S):
            raise ServiceError(f"a collector of {db} is ending and does not come to it; try again")
        yield users


def _locked(file: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alone(users: IO[bytes]) -> bool:
    return _locked(users, fcntl.LOCK_EX)


def _started(settings: Settings) -> running.Running:
    """Start one; of two that are started at once, the one that got the database counts."""
    with _Log() as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from spanscore.collector.embedded import main; main()"],
            env={**os.environ, **_environment(settings)},
            stdin=subprocess.DEVNULL,
            stdout=log.file,
            stderr=log.file,
            start_new_session=True,  # a Ctrl-C is for the harness, which has spans to send yet
        )
        _wait_until(lambda: running.find(settings.db) or process.poll() is not None, START_S)
        if process.poll() is not None:
            _wait_until(lambda: running.find(settings.db), POLL_S * 20)
        if note := running.find(settings.db):
            return note
        process.terminate()
        raise ServiceError(log.text() or "the collector did not start; see `spanscore doctor`")


class _Log:
    """What the collector says while it starts."""

    def __enter__(self) -> _Log:
        self.file = tempfile.TemporaryFile()
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def text(self) -> str:
        self.file.seek(0)
        said = self.file.read().decode(errors="replace")
        return "\n".join(line.removeprefix("spanscore: ") for line in said.splitlines())


def _environment(settings: Settings) -> dict[str, str]:
    given = {name: getattr(settings, name) for name in _PASSED_ON}
    given["db"] = settings.db.resolve()
    texts = {
        name: ",".join(value) if isinstance(value, list) else show(value)
        for name, value in given.items()
        if value not in (None, [])
    }
    ports = dict.fromkeys(("grpc", "http", "web"), _ANY_PORT)
    return {f"SPANSCORE_{name.upper()}": text for name, text in {**texts, **ports}.items()}


def _wait_until(true: Callable[[], object], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(POLL_S)
    return True


def main() -> None:
    """Serve until nobody uses it; the settings are in the environment."""
    os.umask(0o077)
    settings = load()
    users = os.fdopen(os.open(beside(settings.db, "users"), os.O_RDWR | os.O_CREAT, 0o600), "r+b")

    def stop_when_unused() -> None:
        while not _locked(users, fcntl.LOCK_EX):
            time.sleep(POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    def announce(_: running.Running) -> None:
        threading.Thread(target=stop_when_unused, daemon=True).start()

    try:
        sys.exit(Service(settings, embedded=True).run(announce))
    except Exception as error:  # noqa: BLE001 - who started it reads this
        print(f"spanscore: {error}", file=sys.stderr)
        sys.exit(1)

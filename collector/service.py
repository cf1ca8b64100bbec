"""`spanscore serve`: starts the processes, watches them, restarts each alone, stops them all."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection, wait

from . import running
from .child import MAX_RESTARTS, Child, ServiceError
from .config import Settings, reachable

STOP_S = 20.0
WATCH_S = 0.5


class Service:
    """The collector: a receiver, a store and a lake writer, each in a process of its own.

    Each goes on when another dies: the inbox is between them.
    """

    def __init__(self, settings: Settings, *, embedded: bool = False) -> None:
        self._settings = settings
        self._embedded = embedded
        self._store = Child("store", _run_store)
        self._lake = Child("lake writer", _run_lake)
        self._receiver = Child("receiver", _run_receiver)
        self._stop = threading.Event()
        self._closing = ExitStack()

    def run(self, announce: Callable[[running.Running], None]) -> int:
        """Serve until SIGTERM or SIGINT; `announce` is called once all ports answer.

        Returns the exit code: 0 after a clean stop. Raises ServiceError.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            self._settle_readers()
            for _, start in self._parts():
                start()
            announce(self._leave_note())
            self._watch()
        finally:
            self._shut_down()
        return 0

    def _parts(self) -> list[tuple[Child, Callable[[], None]]]:
        """What runs, in the order of starting: who reads the inbox is there before it is filled."""
        parts: list[tuple[Child, Callable[[], None]]] = []
        if not self._settings.no_db:
            parts.append((self._store, self._start_store))
        if self._settings.lake:
            parts.append((self._lake, self._start_lake))
        return [*parts, (self._receiver, self._start_receiver)]

    def _settle_readers(self) -> None:
        """Keep nothing in the inbox for who does not read it any more."""
        from spanscore.queries.lake.storage import StorageError, canonical

        from .inbox import InboxError
        from .lake.readers import settle

        settings = self._settings
        try:
            url = canonical(settings.lake) if settings.lake else None
            for sentence in settle(settings.inbox, url, with_store=not settings.no_db):
                print(f"spanscore: {sentence}", file=sys.stderr, flush=True)
        except (InboxError, StorageError) as error:
            raise ServiceError(str(error)) from None

    def _start_lake(self) -> None:
        self._lake.start(self._settings)

    def _start_store(self) -> None:
        port = self._store.start(self._settings)
        self._settings = _with_ports(self._settings, web=port)

    def _start_receiver(self) -> None:
        started = self._receiver.start(self._settings)
        self._settings = _with_ports(self._settings, grpc=started.grpc_port, http=started.http_port)

    def _leave_note(self) -> running.Running:
        settings = self._settings
        scheme = "https" if settings.tls_cert else "http"
        note = running.Running(
            pid=os.getpid(),
            grpc=f"{scheme}://{reachable(settings.grpc)}",
            http=f"{scheme}://{reachable(settings.http)}",
            web="" if settings.no_db else f"http://{reachable(settings.web)}",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            version=version("spanscore"),
            embedded=self._embedded,
        )
        self._closing.enter_context(note.write(settings.db))
        return note

    def _watch(self) -> None:
        restarts = self._parts()
        while not self._stop.is_set():
            wait([c.process.sentinel for c, _ in restarts if c.process], timeout=WATCH_S)
            for child, restart in restarts:
                if not child.is_alive and not self._stop.is_set():
                    self._restart(child, restart)

    def _restart(self, child: Child, restart: Callable[[], None]) -> None:
        if child.dies_too_often:
            raise ServiceError(
                f"the {child.name} died {MAX_RESTARTS} times within a minute; "
                "run `spanscore doctor`, what was acknowledged is on disk"
            )
        print(f"spanscore: the {child.name} died and is started anew", file=sys.stderr, flush=True)
        restart()

    def _shut_down(self) -> None:
        """The receiver first, so that its readers can take all that was acknowledged."""
        deadline_s = time.monotonic() + STOP_S
        self._receiver.stop(deadline_s - STOP_S / 2)
        for child in (self._store, self._lake):
            child.ask_to_stop()
        for child in (self._store, self._lake):
            child.stop(deadline_s)
        note = running.find(self._settings.db)
        if note and note.pid == os.getpid():
            running.forget(self._settings.db)
        self._closing.close()


# Each process imports what it needs itself, so that the service that watches them stays small.


def _run_store(settings: Settings, report: Connection) -> None:
    from .store_process import run_store

    run_store(settings, report)


def _run_lake(settings: Settings, report: Connection) -> None:
    from .lake.process import run_lake

    run_lake(settings, report)


def _run_receiver(settings: Settings, report: Connection) -> None:
    # gRPC reports every bad peer on stderr, and looks at this once, when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from .receiver.main import run
    from .receiver_options import receiver_options

    run(receiver_options(settings), report)


def _with_ports(settings: Settings, **ports: int) -> Settings:
    """The same settings with the ports that were really bound, for a restart and for people."""
    bound = {
        name: f"{getattr(settings, name).rpartition(':')[0]}:{port}" for name, port in ports.items()
    }
    return settings.model_copy(update=bound)

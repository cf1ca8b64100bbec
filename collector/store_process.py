"""What runs inside the store process: the loader on a thread, the web port on the main one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

import duckdb
from aiohttp import web

from spanscore.queries.view import CatalogError

from .child import NotStarted, told_to_stop
from .config import Settings, beside, cannot_open, split_address
from .forward.rejected import RejectionLoader
from .inbox import Inbox, InboxError
from .keys import KeyFileError, read_token
from .own_views import views_of
from .store.database import DatabaseError, open_database
from .store.housekeeping import Housekeeper
from .store.loader import Loader
from .store.marts import Marts
from .store.presence import DatabaseGoneError, Presence
from .store.query import QueryLimits, harden
from .store.refresher import refresh_until
from .web.app import make_app
from .web.state import State

DRAIN_S = 15.0
"""Below the 20 s that the service waits for this process."""

RETRY_S = 1.0

FAULT_S = 10.0
"""A fault of the loader that did not come again for so long is over."""

PARENT_POLL_S = 1.0


def run_store(settings: Settings, ready: Connection) -> None:
    """Own the database until SIGTERM or the parent's end; sends its web port, or why it cannot.

    `ready` receives the port or NotStarted, once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        store = Store(settings)
    except (CatalogError, DatabaseError, InboxError, KeyFileError, OSError) as error:
        ready.send(NotStarted(str(error)))
        return
    with contextlib.closing(store):
        asyncio.run(store.serve(ready))


class Store:
    """The database, its loader and its web port; closing drains the inbox and the file's WAL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = read_token(settings.db)
        self._database = open_database(
            settings.db,
            memory_limit=settings.memory_limit,
            views=(views := views_of(settings)),
        )
        harden(self._database)
        self._presence = Presence(settings.db)
        self._inbox = Inbox(settings.inbox, max_bytes=settings.inbox_max)
        self._loader = Loader(self._database.cursor(), self._inbox)
        self._housekeeper = Housekeeper(
            self._database.cursor(),
            settings.db,
            max_age_s=settings.retain.total_seconds() if settings.retain else None,
            max_bytes=settings.max_size,
        )
        self._rejections = RejectionLoader(self._database.cursor(), beside(settings.db, "forward"))
        self._fault = ("", -FAULT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._load, name="loader")
        marts = Marts(self._database.cursor(), views)
        self._refresher = threading.Thread(
            target=refresh_until, args=(self._stop, marts), name="refresher"
        )

    async def serve(self, ready: Connection) -> None:
        """Answer on the web port until told to stop."""
        with told_to_stop(signal.SIGTERM) as stopping:
            runner = web.AppRunner(
                self._make_app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
            )
            await runner.setup()
            try:
                if await self._start(runner, ready):
                    await _until_told(stopping)
            finally:
                await runner.cleanup()

    async def _start(self, runner: web.AppRunner, ready: Connection) -> bool:
        host, port = split_address(self._settings.web)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            ready.send(NotStarted(cannot_open("web", self._settings.web, error)))
            return False
        self._thread.start()
        self._refresher.start()
        ready.send(runner.addresses[0][1])
        return True

    def close(self) -> None:
        """Stop the loader, load what is left within DRAIN_S, and close the files."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
            self._refresher.join()
            with contextlib.suppress(duckdb.Error, InboxError, DatabaseGoneError):
                self._presence.check()  # else what waits would be loaded into what is gone
                self._loader.drain(time.monotonic() + DRAIN_S)
                self._rejections.load()
        with contextlib.suppress(duckdb.Error):
            self._database.execute("CHECKPOINT")
        self._inbox.close()
        self._database.close()

    def _make_app(self) -> web.Application:
        settings = self._settings
        state = State(settings.db, settings.inbox, self._loader.progress, self._waits_for)
        limits = QueryLimits(
            seconds=settings.sql_timeout.total_seconds(), rows=settings.sql_max_rows
        )
        host, _ = split_address(settings.web)
        return make_app(
            database=lambda: self._presence.cursor(self._database),
            limits=limits,
            state=state,
            token=self._token,
            hosts=[host, *settings.allow_hosts],
        )

    def _load(self) -> None:
        """The loader's thread: a fault of the machine is said and tried again."""
        while not self._stop.is_set():
            try:
                self._presence.check()
                self._loader.run(self._stop, idle=self._idle)
            except duckdb.FatalException as error:
                # DuckDB takes no more commands after this; the service starts the process anew.
                print(f"spanscore: the database stopped: {error}", file=sys.stderr, flush=True)
                os._exit(70)
            except (duckdb.Error, InboxError, OSError) as error:
                self._tell(f"loading waits: {error}")
                self._stop.wait(RETRY_S)

    def _idle(self) -> None:
        self._presence.check()
        self._housekeeper.tick()
        self._rejections.tick()

    def _tell(self, fault: str) -> None:
        """Print a fault when it is new, not each time that it is met."""
        if self._waits_for() != fault:
            print(f"spanscore: {fault}", file=sys.stderr, flush=True)
        self._fault = (fault, time.monotonic())

    def _waits_for(self) -> str | None:
        fault, seen_s = self._fault
        return fault if time.monotonic() - seen_s < FAULT_S else None


async def _until_told(stopping: asyncio.Event) -> None:
    """Until SIGTERM, or until the parent is gone: a store must not outlive its service."""
    parent = os.getppid()
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), PARENT_POLL_S)
            return

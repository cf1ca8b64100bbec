"""The lake writer as a process of its own: faults of the store are said once, and tried again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from spanscore.queries.lake.storage import StorageError, open_storage

from ..child import NotStarted
from ..config import Settings, beside
from ..inbox import Inbox, InboxError
from .plan import PlanError
from .writer import LakeWriter

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
"""Between tries while the store does not take anything: twice as long each time."""

PARENT_POLL_S = 1.0


def run_lake(settings: Settings, ready: Connection) -> None:
    """Feed the lake until SIGTERM or the parent's end; sends None, or why it cannot start.

    A store that cannot be reached is no reason not to start: the inbox keeps what is acknowledged.
    At the end what waits is sealed once more, if the store takes it; the rest stays in the inbox.
    """
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    assert settings.lake is not None
    try:
        inbox = Inbox(settings.inbox, max_bytes=settings.inbox_max)
        writer = LakeWriter(
            inbox,
            open_storage(settings.lake),
            beside(settings.db, "lake.json"),
            every_s=settings.lake_every.total_seconds(),
        )
    except (InboxError, PlanError, StorageError, OSError) as error:
        ready.send(NotStarted(str(error)))
        return
    ready.send(None)
    threading.Thread(target=_stop_with_parent, args=(os.getppid(), stop), daemon=True).start()
    with inbox:
        feed(writer, stop)
        with suppress(InboxError, StorageError, OSError):
            writer.seal()


def feed(writer: LakeWriter, stop: threading.Event) -> None:
    """Run the writer until `stop`; a fault is said when it is new, and tried again ever later."""
    said, wait_s = "", FIRST_RETRY_S
    while not stop.is_set():
        rows = writer.rows
        try:
            writer.run(stop)
        except (InboxError, StorageError, OSError) as error:
            if writer.rows > rows:
                said, wait_s = "", FIRST_RETRY_S
            if str(error) != said:
                said = str(error)
                print(f"spanscore: feeding the lake waits: {said}", file=sys.stderr, flush=True)
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, LAST_RETRY_S)


def _stop_with_parent(parent: int, stop: threading.Event) -> None:
    while os.getppid() == parent and not stop.is_set():
        time.sleep(PARENT_POLL_S)
    stop.set()

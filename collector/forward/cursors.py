"""Where the destinations stand, for those who do not forward themselves: the service, mostly."""

from __future__ import annotations

from pathlib import Path

from spanscore.collector.config import Settings, beside
from spanscore.collector.inbox import Inbox
from spanscore.collector.receiver.loop import COUNTER

from .destination import READER_PREFIX
from .ledger import Cut, Ledger


def lag_bytes(settings: Settings) -> int:
    """`forward_lag`, but at most a quarter of the inbox, so that it never fills it up.

    Without a database there is no store to go on from: then the inbox is the bound.
    """
    if settings.no_db:
        return settings.inbox_max
    return min(settings.forward_lag, settings.inbox_max // 4)


def forget_gone(settings: Settings) -> None:
    """Keep nothing in the inbox for destinations that are not configured any more.

    For those that are it keeps all from now on: the doors open before the forwarder has started.

    From whom telemetry came is learned anew, since they may forward elsewhere now.
    Raises InboxError and LedgerError.
    """
    wanted = {destination.title for destination in settings.forward}
    cut_off = _cut_off(beside(settings.db, "forward"), wanted)
    with Inbox(settings.inbox, max_bytes=settings.inbox_max) as inbox:
        inbox.drop_counters(COUNTER)
        for reader in inbox.readers():
            name = reader.removeprefix(READER_PREFIX)
            if name != reader and name not in wanted:
                inbox.forget(reader)
        for destination in settings.forward:
            if destination.title not in cut_off:
                inbox.register(destination.reader)


def _cut_off(path: Path, wanted: set[str]) -> set[str]:
    """Drop from the ledger what is not wanted; who of the rest goes on from the store."""
    if not path.exists():
        return set()
    with Ledger(path) as ledger:
        for name in ledger.statuses().keys() - wanted:
            ledger.forget(name)
        return {name for name in wanted if ledger.cut(name) is not None}


def let_go(settings: Settings) -> None:
    """Have every destination go on from the store, for a forwarder that cannot run.

    Otherwise the inbox would fill up, and senders be refused. Raises InboxError and LedgerError.
    """
    with (
        Inbox(settings.inbox, max_bytes=settings.inbox_max) as inbox,
        Ledger(beside(settings.db, "forward")) as ledger,
    ):
        readers = inbox.readers()
        for destination in settings.forward:
            position = readers.get(destination.reader)
            if position is None:
                continue
            if ledger.cut(destination.title) is None:
                ledger.set_cut(destination.title, Cut(inbox.identity, position))
            inbox.forget(destination.reader)

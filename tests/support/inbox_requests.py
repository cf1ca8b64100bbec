"""Requests for the inbox that tell each other apart; it does not look into their bodies."""

from __future__ import annotations

from pathlib import Path

from spanscore.collector.inbox import Entry, Inbox, Request
from spanscore.collector.signals import Signal


def request(name: str, size_bytes: int = 100) -> Request:
    """A request whose body is `name`, filled up to `size_bytes`."""
    body = name.encode().ljust(size_bytes, b".")
    return Request(Signal.TRACES, "open", 1_700_000_000_000_000_000, body)


def requests(*names: str, size_bytes: int = 100) -> list[Request]:
    """One request a name."""
    return [request(name, size_bytes) for name in names]


def name_of(entry: Entry) -> str:
    """The name that a request was made with."""
    return entry.request.body.rstrip(b".").decode()


def read_all(inbox: Inbox, reader: str, after: int = 0) -> list[Entry]:
    """All that is kept after `after`."""
    return inbox.read(reader, after=after, max_requests=1_000_000, max_bytes=1 << 40)


def names_in(path: Path) -> list[str]:
    """The names of all requests that the inbox keeps, in order, through a reader of its own."""
    with Inbox(path) as inbox:
        inbox.register("names_in")
        names = [name_of(entry) for entry in read_all(inbox, "names_in")]
        inbox.forget("names_in")
    return names

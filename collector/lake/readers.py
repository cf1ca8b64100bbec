"""The inbox's readers that feed lakes: one for each lake, so that another one begins anew."""

from __future__ import annotations

from pathlib import Path

from ..inbox import Inbox

PREFIX = "lake "

LOADER = "loader"
"""The reader that fills the database."""


def reader_name(url: str) -> str:
    """The name of the inbox's reader for the lake at `url` (as `Storage.url`)."""
    return f"{PREFIX}{url}"


def settle(path: Path, url: str | None, *, with_store: bool) -> list[str]:
    """Forget all readers of the inbox at `path` that nobody runs any more: see `forget_others`."""
    if not path.exists():
        return []
    with Inbox(path) as inbox:
        if not with_store:
            inbox.forget(LOADER)
        return forget_others(inbox, url)


def forget_others(inbox: Inbox, url: str | None) -> list[str]:
    """Forget the readers of all lakes but `url`; returns a sentence for each that lacks something.

    What such a lake did not get yet would be kept for it for ever.
    """
    said = []
    for name in inbox.readers():
        if not name.startswith(PREFIX) or name == reader_name(url or ""):
            continue
        requests = inbox.depth(name).requests
        inbox.forget(name)
        if requests:
            lake = name.removeprefix(PREFIX)
            said.append(f"the lake {lake} is no longer fed: {requests:,} requests are not in it")
    return said

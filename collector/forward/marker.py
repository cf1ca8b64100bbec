"""The header by which a circle of collectors is known (receiver/loop.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanscore.collector.receiver.loop import FORWARDED_BY, forwarded_by

if TYPE_CHECKING:
    from spanscore.collector.inbox import Inbox


class Marker:
    """Names this collector and those from which its inbox has something. Raises InboxError."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.headers: dict[str, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again, after reading requests and before they are sent."""
        self.headers[FORWARDED_BY] = forwarded_by(self._inbox.identity, self._inbox.counters())

"""Telemetry that goes round in a circle would never end: what comes back is refused.

Every forwarded request names in a header whose it is: the collector that sends it, and all from
which that one ever got something. So a circle of any length ends at the first collector that reads
its own name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .status import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FORWARDED_BY = "spanscore-forwarded-by"
"""Header of every forwarded request: identities of inboxes, the sender's own first."""

MAX_SENDERS = 16
"""So many others are remembered, and named; what has more of them before it is no circle."""

COUNTER = "forwarded_by_"
"""What the names of the counters begin with."""

_IDENTITY = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class LoopGuard:
    """Refuses what this collector has sent itself, and remembers from whom else it gets something.

    `count` adds to the counters of the inbox, with the next request that is committed: so whoever
    reads that request finds its senders there.
    """

    def __init__(self, identity: str, count: Callable[[Mapping[str, int]], None]) -> None:
        self._identity = identity
        self._count = count
        self._known: set[str] = set()

    def check(self, header: str | None) -> None:
        """Raises Refusal (LOOP) for a request that this collector has sent, directly or not."""
        if header is not None and self._identity in _named(header):
            raise Refusal(
                Kind.LOOP,
                "this collector forwarded it itself: a circle; take this address out of `forward` "
                "of whoever sent it",
            )

    def remember(self, header: str | None) -> None:
        """Note the senders of a request that is about to be committed."""
        for identity in _named(header or ""):
            if len(self._known) < MAX_SENDERS and identity not in self._known:
                self._known.add(identity)
                self._count({f"{COUNTER}{identity.replace('-', '_')}": 1})


def forwarded_by(identity: str, counters: Iterable[str]) -> str:
    """The header of a collector with these counters in its inbox."""
    names = sorted(name.removeprefix(COUNTER) for name in counters if name.startswith(COUNTER))
    return ", ".join([identity, *(name.replace("_", "-") for name in names[:MAX_SENDERS])])


def _named(header: str) -> list[str]:
    return _IDENTITY.findall(header[: 64 * (MAX_SENDERS + 1)])

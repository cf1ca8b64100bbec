"""Which attempts belong to one call: an equal request after one that failed is its resend."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

MAX_REMEMBERED = 4096


@dataclass(slots=True)
class Attempt:
    """One HTTP attempt. `resend_count` is 0 for the first of its call."""

    call_id: str
    resend_count: int
    kind: str
    """Model and path: what a resend has in common with the first even where its body differs."""
    is_failed: bool = False


class Attempts:
    """The last attempt of each request, the oldest forgotten beyond a bound."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Attempt] = OrderedDict()

    def begin(self, request_hash: str, kind: str, retry_count: str | None) -> Attempt:
        """A new attempt. `retry_count` is what the client's x-stainless-retry-count says."""
        before = self._last.pop(request_hash, None)
        if before is None and retry_count not in (None, "", "0"):
            before = self._last_failed(kind)
        if before is not None and before.is_failed:
            attempt = Attempt(before.call_id, before.resend_count + 1, kind)
        else:
            attempt = Attempt(secrets.token_hex(8), 0, kind)
        self._last[request_hash] = attempt
        if len(self._last) > MAX_REMEMBERED:
            self._last.popitem(last=False)
        return attempt

    def _last_failed(self, kind: str) -> Attempt | None:
        recent = next((a for a in reversed(self._last.values()) if a.kind == kind), None)
        return recent if recent is not None and recent.is_failed else None

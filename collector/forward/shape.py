"""What came in, as one destination gets it: filtered, without content, fitted to its backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from spanscore.collector.receiver.content import may_hold_content, remove_content
from spanscore.collector.signals import Signal

from .additions import add_attributes
from .filters import RoleFilter, keep_runs, keep_services
from .parts import FIELDS, Part, count_records, pack
from .shorten import shorten_attributes

if TYPE_CHECKING:
    from spanscore.collector.inbox import Request

    from .destination import Destination


class Shaper:
    """Makes the requests for one destination; `page_url` is where our own pages are.

    What nothing has to be changed in goes on as the bytes that came. A request is bounded by what
    the receiver takes, so memory is a small multiple of what is given at once.
    """

    def __init__(self, destination: Destination, page_url: str) -> None:
        self._to = destination
        self._profile = destination.shape
        self._page_url = page_url
        self._signals = {Signal[name.upper()] for name in destination.sent_signals}
        self._roles = RoleFilter(destination.roles) if destination.roles else None

    def shape(self, requests: Sequence[Request]) -> list[Part]:
        """The requests to send, in order, none above the destination's bounds but by one record."""
        return list(
            pack(self._parts(requests), self._to.max_request_bytes, self._profile.max_records)
        )

    def _parts(self, requests: Sequence[Request]) -> Iterator[Part]:
        read = [
            (request, message)
            for request in requests
            if request.signal in self._signals
            and (message := _parse(request.signal, request.body)) is not None
        ]
        if self._roles:
            self._roles.apply([m for request, m in read if request.signal is Signal.TRACES])
        for request, message in read:
            changed = self._change(request, message)
            records = count_records(request.signal, message)
            if records:
                body = message.SerializeToString() if changed else request.body
                yield Part(request.signal, body, records)

    def _change(self, request: Request, message: Any) -> bool:
        """Change the message as the destination needs it; whether its bytes are not the same."""
        signal = request.signal
        fields = FIELDS[signal]
        changed = self._roles is not None and signal is Signal.TRACES
        parts = getattr(message, fields.resources)
        if self._to.services:
            changed |= keep_services(parts, self._to.services)
        if self._to.runs:
            changed |= keep_runs(parts, self._to.runs, fields.scopes, fields.records)
        if not self._to.content and (signal is Signal.LOGS or may_hold_content(request.body)):
            changed |= bool(remove_content(message))
        if signal is Signal.TRACES and self._profile.changes_spans:
            changed |= self._fit(message)
        return changed

    def _fit(self, message: Any) -> bool:
        changed = False
        if self._profile.kind_attribute or self._profile.adds:
            changed = True
            for part in message.resource_spans:
                for scope_part in part.scope_spans:
                    for span in scope_part.spans:
                        add_attributes(span, self._profile)
        limit = self._profile.max_attribute_bytes
        if limit:
            changed |= bool(shorten_attributes(message, limit, self._page_url))
        return changed


def _parse(signal: Signal, body: bytes) -> Any:
    """The message; None for what is none: the loader keeps it in `rejected`, with the reason."""
    try:
        return signal.request_type.FromString(body)
    except DecodeError:
        return None

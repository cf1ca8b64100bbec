"""The way of one request, the same for both doors: validate, mask, commit, answer."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import DecodeError

from spanscore.collector.decode.from_json import json_to_protobuf
from spanscore.collector.inbox import Request
from spanscore.collector.signals import Signal

from .content import hash_content
from .limits import Allowance, Lease, Limits, gunzip
from .loop import LoopGuard
from .origin import ORIGINS
from .parts import check_json, check_protobuf
from .recognise import check_addressee, recognise
from .records import Records, check_records
from .status import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from .masking import Masker
    from .origin import Origins

# What takes longer than some 5 ms leaves the event loop, so that other answers do not wait.
_LONG_PROTOBUF_BYTES = 2 * 1024 * 1024
_LONG_JSON_BYTES = 128 * 1024
MAX_RECORDS = 1_000_000
"""An empty record has two bytes on the wire and some 400 as a row; 64 MiB of ordinary spans are
100,000."""


class Committer(Protocol):
    """What the doors know of the inbox (GroupCommit)."""

    async def commit(self, request: Request, counts: Mapping[str, int]) -> None:
        """Return once the request and its counts are on the disk. Raises InboxError."""

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counters, soon and without waiting."""


@dataclass(frozen=True, slots=True)
class Received:
    """One Export request as a door read it; without a signal, its records must tell it.

    `received_ns`: when it came, if that was not now.
    """

    signal: Signal | None
    origin: str
    body: bytes
    gzipped: bool = False
    json: bool = False
    received_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A validated and masked request (body empty: nothing to store) and its answer."""

    signal: Signal
    body: bytes
    counts: dict[str, int]
    response: Message


class Acceptor:
    """Takes requests from the doors into the inbox."""

    def __init__(
        self,
        committer: Committer,
        masker: Masker,
        origins: Origins,
        limits: Limits,
        *,
        hashes_content: bool = False,
        identity: str = "",
    ) -> None:
        """`identity` is that of the inbox, by which a collector knows its own requests."""
        self.loops = LoopGuard(identity, committer.count)
        self.origins = origins
        self.limits = limits
        self.allowances = {origin: Allowance(limits) for origin in ORIGINS}
        self._committer = committer
        self._masker = masker
        self._hashes_content = hashes_content
        # One thread: one long request is parsed at a time, which bounds the memory it takes.
        self._long_requests = ThreadPoolExecutor(1, thread_name_prefix="long-request")

    async def accept(self, received: Received, lease: Lease) -> Message:
        """Store a request and return its `Export<Signal>ServiceResponse`.

        Spans with bad ids are left out and counted in `partial_success`; everything else is on the
        disk when this returns. Raises Refusal, or what the committer raises, and then nothing is.
        """
        body = received.body
        if received.gzipped:
            body = gunzip(body, self.limits.max_request_bytes)
            lease.take(len(body))
        if len(body) <= (_LONG_JSON_BYTES if received.json else _LONG_PROTOBUF_BYTES):
            prepared = self._prepare(received, body)
        else:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(
                self._long_requests, self._prepare_long, received, body
            )
        if prepared.body:
            received_ns = received.received_ns or time.time_ns()
            request = Request(prepared.signal, received.origin, received_ns, prepared.body)
            await self._committer.commit(request, prepared.counts)
        elif prepared.counts:
            self._committer.count(prepared.counts)
        return prepared.response

    def refused(self, refusal: Refusal) -> None:
        """Count a request that got no acknowledgement."""
        self._committer.count({refusal.kind.counter: 1})

    def close(self) -> None:
        """End the thread of long requests."""
        self._long_requests.shutdown(wait=False, cancel_futures=True)

    def _prepare_long(self, received: Received, body: bytes) -> _Prepared:
        if received.json:
            check_json(body)
        else:
            for signal in Signal if received.signal is None else (received.signal,):
                check_protobuf(signal, body)
        return self._prepare(received, body)

    def _prepare(self, received: Received, body: bytes) -> _Prepared:
        signal = received.signal or recognise(body, json=received.json)
        message, records = _checked(signal, body, received.json)
        response = signal.response_type()
        counts = {}
        if records.rejected:
            counts[signal.rejected_field] = records.rejected
            partial = {signal.rejected_field: records.rejected, "error_message": records.reason}
            response = signal.response_type(partial_success=partial)
        if not records.accepted:
            return _Prepared(signal, b"", counts, response)
        hashed = hash_content(message) if self._hashes_content else 0
        if hashed:
            counts["hashed_values"] = hashed
        if received.json or records.rejected or hashed:
            body = message.SerializeToString()
        masked = self._masker.mask(signal, body, message)
        if masked.count:
            counts["masked_values"] = masked.count
        counts[signal.rejected_field.replace("rejected_", "accepted_")] = records.accepted
        return _Prepared(signal, masked.body, counts, response)


def _checked(signal: Signal, body: bytes, json: bool) -> tuple[Message, Records]:
    message = _parse(signal, body, json)
    records = check_records(signal, message)
    if records.accepted > MAX_RECORDS:
        raise Refusal(
            Kind.TOO_LARGE,
            f"the request has {records.accepted:,} records, of {MAX_RECORDS:,} allowed: "
            "send smaller batches",
        )
    if records.doubtful and body:
        del message  # two of them at a time would take twice the memory
        check_addressee(signal, body, json=json)
        message = _parse(signal, body, json)
    return message, records


def _parse(signal: Signal, body: bytes, json: bool) -> Message:
    request_type = signal.request_type
    if not body:
        return request_type()
    try:
        return json_to_protobuf(signal, body) if json else request_type.FromString(body)
    except (DecodeError, ValueError) as error:
        name = request_type.DESCRIPTOR.name
        encoding = "JSON" if json else "protobuf"
        raise Refusal(Kind.UNDECODABLE, f"the body is no {name} in {encoding}: {error}") from error

"""What requests may cost: sizes, time, bounded decompression, and bytes in flight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self, cast

from isal import isal_zlib

from .status import Kind, Refusal

GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_MEMBERS = 10_000
# gRPC tells the size of a message only when it is there: so many may be under way.
_CONCURRENT_READS = 8
_STEP_BYTES = 64 * 1024
_GZIP_ERROR = cast("type[Exception]", isal_zlib.error)  # its stub calls the class an instance
_GZIP_WINDOW = 16 + isal_zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one request (as sent and decompressed) and of all in flight of one origin."""

    max_request_bytes: int
    max_in_flight_bytes: int
    body_timeout_s: float


def gunzip(data: bytes, limit_bytes: int) -> bytes:
    """Decompress gzip of one or more members, never holding more than `limit_bytes` and one.

    Raises Refusal: TOO_LARGE beyond the limit or beyond MAX_GZIP_MEMBERS (a member costs as much
    time as 64 KiB of data), UNDECODABLE for what is no gzip or ends early.
    """
    pieces: list[bytes] = []
    room_bytes = limit_bytes + 1
    position = members = 0
    view = memoryview(data)
    unzip = None
    while position < len(data):
        if unzip is None:
            members += 1
            unzip = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        step = view[position : position + _STEP_BYTES]
        pieces.append(_inflate(unzip, step, room_bytes))
        room_bytes -= len(pieces[-1])
        if room_bytes <= 0 or members > MAX_GZIP_MEMBERS:
            raise too_large(limit_bytes, "decompressed")
        position += len(step) - len(unzip.unused_data)
        if unzip.eof:
            unzip = None
    if unzip is not None:
        raise Refusal(Kind.UNDECODABLE, "the gzip data was cut off before its end")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _inflate(unzip: isal_zlib.Decompress, data: memoryview, max_bytes: int) -> bytes:
    try:
        piece: bytes = unzip.decompress(data, max_bytes)
    except _GZIP_ERROR as error:
        raise Refusal(Kind.UNDECODABLE, f"the body is no valid gzip data: {error}") from error
    return piece


def too_large(limit_bytes: int, what: str) -> Refusal:
    """The refusal of a request whose size, counted as `what` says, is beyond the limit."""
    return Refusal(
        Kind.TOO_LARGE,
        f"the request is larger than {limit_bytes:,} bytes {what}: send smaller batches, "
        "or raise the collector's --max-request",
    )


def too_slow(limits: Limits) -> Refusal:
    """The refusal of a request that did not arrive in time."""
    return Refusal(
        Kind.UNAVAILABLE, f"the request did not arrive within {limits.body_timeout_s:g} s"
    )


class Allowance:
    """What the requests of one origin may hold at once, so that no origin can starve another."""

    def __init__(self, limits: Limits) -> None:
        self.reading = asyncio.Semaphore(_CONCURRENT_READS)
        self.used_bytes = 0
        self._max_bytes = limits.max_in_flight_bytes

    def take(self, size_bytes: int) -> None:
        """Take bytes out of the allowance. Raises Refusal (UNAVAILABLE) when it is used up."""
        if self.used_bytes + size_bytes > self._max_bytes:
            raise Refusal(
                Kind.UNAVAILABLE,
                f"the requests in flight hold {self.used_bytes:,} of {self._max_bytes:,} bytes: "
                "send this one again later",
            )
        self.used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Return bytes that were taken."""
        self.used_bytes -= size_bytes


class Lease:
    """The bytes that one request holds; all of them go back when the `with` block ends."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Hold `size_bytes` more. Raises Refusal (UNAVAILABLE) when the allowance is used up."""
        self._allowance.take(size_bytes)
        self._held_bytes += size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._allowance.give_back(self._held_bytes)

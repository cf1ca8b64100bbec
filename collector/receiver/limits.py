"""What one request may cost: bounded decompression and a byte budget over all connections."""

from __future__ import annotations

from typing import cast

from isal import isal_zlib

from .status import Kind, Refusal

GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_MEMBERS = 10_000
_STEP_BYTES = 64 * 1024
_GZIP_ERROR = cast("type[Exception]", isal_zlib.error)  # its stub calls the class an instance
_GZIP_WINDOW = 16 + isal_zlib.MAX_WBITS


def gunzip(data: bytes, limit_bytes: int) -> bytes:
    """Decompress gzip of any number of members, never holding more than `limit_bytes` + 1.

    Raises Refusal: TOO_LARGE over the limit or with more than MAX_GZIP_MEMBERS members (each
    costs as much as 64 KiB of data), UNDECODABLE for what is no gzip or ends early.
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
        piece = _inflate(unzip, step, room_bytes)
        pieces.append(piece)
        room_bytes -= len(piece)
        if room_bytes <= 0 or members > MAX_GZIP_MEMBERS:
            raise too_large(limit_bytes, "decompressed")
        position += len(step) - len(unzip.unused_data)
        if unzip.eof:
            unzip = None
    if unzip is not None:
        raise Refusal(Kind.UNDECODABLE, "the gzip data ends before its end: it was cut off")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _inflate(unzip: isal_zlib.Decompress, data: memoryview, max_bytes: int) -> bytes:
    try:
        piece: bytes = unzip.decompress(data, max_bytes)
    except _GZIP_ERROR as error:
        raise Refusal(Kind.UNDECODABLE, f"the body is no valid gzip data: {error}") from error
    return piece


def too_large(limit_bytes: int, what: str) -> Refusal:
    """The refusal of a request whose size, counted as `what` says, is over the limit."""
    return Refusal(
        Kind.TOO_LARGE,
        f"the request is larger than {limit_bytes} bytes {what}: send smaller batches, "
        "or raise the collector's --max-request-bytes",
    )


class Budget:
    """How many bytes of requests may be in flight at once, over all connections of both doors."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.used_bytes = 0

    def lease(self) -> Lease:
        """An empty lease, to be used as a context manager around one request."""
        return Lease(self)

    def take(self, size_bytes: int) -> None:
        """Take bytes out of the budget. Raises Refusal (UNAVAILABLE) when it is used up."""
        if self.used_bytes + size_bytes > self._limit_bytes:
            raise Refusal(
                Kind.UNAVAILABLE,
                f"the requests in flight already hold {self.used_bytes} of "
                f"{self._limit_bytes} bytes: retry",
            )
        self.used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Return bytes that were taken."""
        self.used_bytes -= size_bytes


class Lease:
    """The bytes that one request holds; all of them go back to the budget when it ends."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Hold `size_bytes` more. Raises Refusal (UNAVAILABLE) when the budget is used up."""
        self._budget.take(size_bytes)
        self._held_bytes += size_bytes

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.give_back(self._held_bytes)

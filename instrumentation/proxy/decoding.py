"""Undoes content encodings, in bounded steps."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MAX_BODY_BYTES = 32 << 20
_STEP_BYTES = 1 << 20
_IDENTITY = ("", "identity")
_ZLIB = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32


class Decoder:
    """Undoes a content encoding step by step. `why_not` says why it cannot, once it cannot."""

    def __init__(self, encoding: str) -> None:
        self.why_not: str | None = None
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _ZLIB else None
        if self._zlib is None and encoding not in _IDENTITY:
            self.why_not = f"compressed as {encoding[:20]}"

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain bytes of `chunk`, in pieces of at most a MiB."""
        if self.why_not is not None:
            return
        if self._zlib is None:
            yield chunk
            return
        try:
            while chunk:
                yield self._zlib.decompress(chunk, _STEP_BYTES)
                chunk = self._zlib.unconsumed_tail
        except zlib.error:
            self.why_not = "its compression is damaged"


def decoded(body: bytes, encoding: str, max_bytes: int = MAX_BODY_BYTES) -> bytes | str:
    """A whole body without its content encoding, or why it cannot be had."""
    decoder, pieces, size = Decoder(encoding), [], 0
    for piece in decoder.feed(body):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            return "too large"
    return b"".join(pieces) if decoder.why_not is None else decoder.why_not

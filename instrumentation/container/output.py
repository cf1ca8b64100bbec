"""What a command writes, into files of bounded size."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_CHUNK_BYTES = 1 << 16


class BoundedFile:
    """A new file that takes at most `limit_bytes`; what is beyond is counted and let go.

    So that the end can be read too, it has both: the first half as it comes, then the last half.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._head_bytes = limit_bytes - limit_bytes // 2
        self._tail_bytes = limit_bytes // 2
        self._written_bytes = 0
        self._tail = bytearray()
        self._dropped_bytes = 0

    @property
    def dropped_bytes(self) -> int:
        """What was let go so far, or will be when the file is closed now."""
        return self._dropped_bytes + self._beyond_bytes

    @property
    def _beyond_bytes(self) -> int:
        return max(len(self._tail) - self._tail_bytes, 0)

    def write(self, data: bytes) -> None:
        """Take what fits; a disk that is full counts as not fitting."""
        room = self._head_bytes - self._written_bytes
        if room > 0:
            self._put(data[:room])
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * self._tail_bytes:
            self._cut()

    def _cut(self) -> None:
        beyond = self._beyond_bytes
        self._dropped_bytes += beyond
        del self._tail[:beyond]

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError:
            self._dropped_bytes += len(data)
        self._written_bytes += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cut()
        if self.dropped_bytes:
            self._put(f"\n[spanscore: {self.dropped_bytes:,} bytes left out]\n".encode())
        self._put(bytes(self._tail))
        self._file.close()


class Pump:
    """A thread that moves what comes out of a pipe into a file, until the pipe is closed."""

    def __init__(self, source: IO[bytes], target: BoundedFile) -> None:
        self._source = source
        self._target = target
        self._thread = threading.Thread(target=self._run, name="spanscore-output", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for data in _pieces(self._source):
            self._target.write(data)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the pipe; somebody beyond our reach may hold it open."""
        self._thread.join(timeout_s)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    try:
        while data := os.read(source.fileno(), _CHUNK_BYTES):
            yield data
    except (OSError, ValueError):
        return

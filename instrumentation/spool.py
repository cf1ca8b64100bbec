"""A run's telemetry that no collector took, in a file that `spanscore import` reads."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

Signal = Literal["traces", "logs"]

_LENGTH = struct.Struct(">I")


class Spool:
    """One run's file (mode 0600): OTLP requests, each after its length in 4 bytes, big-endian.

    The file is made with the first request, so that a run whose collector answers leaves none.
    Safe to use from several threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signals: list[Signal] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many requests are in the file."""
        return len(self._signals)

    def add(self, signal: Signal, request: bytes) -> None:
        """Append a request; it is on disk when this returns. Raises OSError."""
        with self._lock, self._opened(os.O_APPEND) as file:
            file.write(_LENGTH.pack(len(request)) + request)
            file.flush()
            os.fsync(file.fileno())
            self._signals.append(signal)

    def drain(self, send: Callable[[Signal, bytes], bool]) -> None:
        """Offer each request to `send`, in order; the file keeps what it does not take.

        A file that holds nothing any more is removed. Raises OSError.
        """
        with self._lock:
            kept = [item for item in self._items() if not send(*item)]
            if kept:
                with self._opened(os.O_TRUNC) as file:
                    file.writelines(_LENGTH.pack(len(body)) + body for _, body in kept)
            else:
                self.path.unlink(missing_ok=True)
            self._signals = [signal for signal, _ in kept]

    def _items(self) -> Iterator[tuple[Signal, bytes]]:
        if not self._signals:
            return
        with self.path.open("rb") as file:
            for signal in self._signals:
                [length] = _LENGTH.unpack(file.read(_LENGTH.size))
                yield signal, file.read(length)

    def _opened(self, how: int) -> IO[bytes]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb")

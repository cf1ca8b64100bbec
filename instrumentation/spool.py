"""A run's telemetry that no collector took, in a file that `spanscore import` reads."""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

Signal = Literal["traces", "logs"]

_LENGTH = struct.Struct(">I")
_MARK_TAG = b"\xb2\xcc\x02"
"""Field 5318 of an Export request, with a length; `spanscore import` reads it (docs/export.md)."""


class Spool:
    """One run's file (mode 0600): OTLP requests, each after its length in 4 bytes, big-endian.

    With an `origin`, each is marked with it and with the time, as exports are, so that it counts
    after an import as it would have counted at once. The file is made with the first request, so
    that a run whose collector answers leaves none. Safe to use from several threads.
    """

    def __init__(self, path: Path, *, origin: str | None = None) -> None:
        self.path = path
        self._origin = origin
        self._kept: list[tuple[Signal, int]] = []
        """Of each request its signal, and the length of its mark."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many requests are in the file."""
        return len(self._kept)

    def add(self, signal: Signal, request: bytes) -> None:
        """Append a request; it is on disk when this returns. Raises OSError."""
        mark = self._mark(signal)
        with self._lock, self._opened(os.O_APPEND) as file:
            file.write(_LENGTH.pack(len(mark) + len(request)) + mark + request)
            file.flush()
            os.fsync(file.fileno())
            self._kept.append((signal, len(mark)))

    def drain(self, send: Callable[[Signal, bytes], bool]) -> None:
        """Offer each request to `send`, in order; the file keeps what it does not take.

        A file that holds nothing any more is removed. Raises OSError.
        """
        with self._lock:
            kept, bodies = [], []
            for (signal, mark_length), body in self._items():
                if not send(signal, body[mark_length:]):
                    kept.append((signal, mark_length))
                    bodies.append(body)
            if kept:
                with self._opened(os.O_TRUNC) as file:
                    file.writelines(_LENGTH.pack(len(body)) + body for body in bodies)
            else:
                self.path.unlink(missing_ok=True)
            self._kept = kept

    def _mark(self, signal: Signal) -> bytes:
        if self._origin is None:
            return b""
        received = str(time.time_ns())
        members = {"signal": signal, "origin": self._origin, "receivedTimeUnixNano": received}
        text = json.dumps(members).encode()
        return _MARK_TAG + bytes([len(text)]) + text  # always shorter than 128 bytes

    def _items(self) -> Iterator[tuple[tuple[Signal, int], bytes]]:
        if not self._kept:
            return
        with self.path.open("rb") as file:
            for kept in self._kept:
                [length] = _LENGTH.unpack(file.read(_LENGTH.size))
                yield kept, file.read(length)

    def _opened(self, how: int) -> IO[bytes]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb")

"""An endpoint that answers with exact bytes at exact moments, and may break off at any of them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

Piece = bytes | float | threading.Event
"""Bytes to send; seconds to wait; or an event to wait for."""

_TIMEOUT_S = 20.0
_STEP_S = 0.02
_BLANK = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets. `reset` breaks the connection at the end, `close` ends it."""

    pieces: Sequence[Piece]
    reset: bool = False
    close: bool = False


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Reply:
    """A reply of known length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return Reply(["\r\n".join(head).encode() + b"\r\n\r\n" + body])


def chunked(*chunks: Piece, ends: bool = True, headers: Sequence[str] = (), **how: bool) -> Reply:
    """A streamed reply; without `ends` its last chunk never comes."""
    head = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers]
    if not any(header.lower().startswith("content-type") for header in headers):
        head.append("Content-Type: text/event-stream")
    pieces: list[Piece] = ["\r\n".join(head).encode() + b"\r\n\r\n"]
    for chunk in chunks:
        pieces.append(_framed(chunk) if isinstance(chunk, bytes) else chunk)
    return Reply([*pieces, *([b"0\r\n\r\n"] if ends else [])], **how)


def _framed(chunk: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(chunk), chunk)


@dataclass
class RawEndpoint:
    """Gives the replies in their order, the last one again and again, while its `with` runs.

    `requests` are the heads and bodies as they came; `gone` is set once a client left a reply that
    was not yet over.
    """

    replies: Sequence[Reply]
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(_STEP_S)
            while (request := self._read(connection)) is not None:
                reply = self.replies[min(len(self.requests), len(self.replies) - 1)]
                self.requests.append(request)
                try:
                    self._play(connection, reply.pieces)
                except OSError:
                    self.gone.set()
                    return
                if reply.reset:
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                if reply.reset or reply.close:
                    return

    def _play(self, connection: socket.socket, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                connection.settimeout(_TIMEOUT_S)
                connection.sendall(piece)
                connection.settimeout(_STEP_S)
            else:
                self._wait(connection, piece)

    def _wait(self, connection: socket.socket, what: float | threading.Event) -> None:
        until_s = time.monotonic() + (what if isinstance(what, float) else _TIMEOUT_S)
        while time.monotonic() < until_s and not self._stopped.is_set():
            if isinstance(what, threading.Event) and what.is_set():
                return
            if self._receive(connection) == b"":
                raise ConnectionResetError

    def _receive(self, connection: socket.socket) -> bytes | None:
        """What came within a moment; empty at the end of the connection."""
        try:
            return connection.recv(1 << 16)
        except TimeoutError:
            return None

    def _read(self, connection: socket.socket) -> tuple[bytes, bytes] | None:
        data, head_bytes = bytearray(), -1
        while not self._stopped.is_set():
            if head_bytes < 0:
                head_bytes = data.find(_BLANK)
            body_at = head_bytes + len(_BLANK)
            if head_bytes >= 0 and len(data) - body_at >= _length(data[:head_bytes]):
                return bytes(data[:head_bytes]), bytes(data[body_at:])
            try:
                came = self._receive(connection)
            except OSError:
                return None
            if came == b"":
                return None
            data += came or b""
        return None


def _length(head: bytearray) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

"""A TCP relay between a client and a server on loopback, which can be cut, stalled and slowed."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

_PIECE_BYTES = 65536


class Relay:
    """Passes bytes to and from `port` while its `with` block runs; clients connect to `self.port`.

    `cut` closes all connections and refuses further ones, `stall` takes what comes and passes
    nothing on, `delay_s` is waited before each piece of an answer; `mend` ends all of it.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_cut = threading.Event()
        self._flows = threading.Event()
        self._flows.set()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self.delay_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._flows.set()
        self._listener.close()
        self._close_all()

    def cut(self) -> None:
        self._is_cut.set()
        self._close_all()

    def stall(self) -> None:
        self._flows.clear()

    def mend(self) -> None:
        self.delay_s = 0.0
        self._is_cut.clear()
        self._flows.set()

    def _close_all(self) -> None:
        for connection in list(self._open):
            _close(connection)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut.is_set():
                _close(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                _close(client)
                continue
            self._open |= {client, server}
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, is_answer), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                self._flows.wait()
                if is_answer and self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(piece)
        for connection in (source, sink):
            self._open.discard(connection)
            _close(connection)


def _close(connection: socket.socket) -> None:
    # The other thread may wait in recv: only a shutdown wakes it.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

"""The forwarders inside of containers: each leads a loopback port to a unix socket."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanscore.instrumentation.container import docker

INSIDE = Path(docker.__file__).with_name("inside")
FORWARDERS = {"python3": "forward.py", "perl": "forward.pl", "node": "forward.js"}
INSTALLED = [name for name in FORWARDERS if shutil.which(name)]
BODY = bytes(range(256)) * 4096


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[int]:
    """A free port; what comes to its socket is sent back when the other side has said all."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / f"{port}.sock"))
        listener.listen()
        listener.settimeout(60)

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(60)
                    connection.sendall(_all_of(connection))

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        thread.join()


@pytest.mark.parametrize("program", INSTALLED)
def test_bytes_and_ends_go_both_ways(program: str, echo: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [program, INSIDE / FORWARDERS[program], tmp_path, str(echo)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        with process.stdout as output:
            assert output.read() == b"ready"
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", echo), timeout=60) as client:
                sender = threading.Thread(target=_send, args=(client,))
                sender.start()
                assert _all_of(client) == BODY
                sender.join()
    finally:
        process.kill()
        process.wait()


def _send(client: socket.socket) -> None:
    client.sendall(BODY)
    client.shutdown(socket.SHUT_WR)


def _all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))

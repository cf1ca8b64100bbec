"""Loopback ports that lead to mounted unix sockets. Arguments: the folder, the ports."""

import contextlib
import os
import socket
import sys
import threading


def move(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def connect(inner: socket.socket, path: str) -> None:
    with inner, socket.socket(socket.AF_UNIX) as outer:
        try:
            outer.connect(path)
        except OSError:
            return
        back = threading.Thread(target=move, args=(outer, inner), daemon=True)
        back.start()
        move(inner, outer)
        back.join()


def serve(listener: socket.socket, path: str) -> None:
    while True:
        inner, _ = listener.accept()
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connect, args=(inner, path), daemon=True).start()


folder, ports = sys.argv[1:3]
serving = []
for port in ports.split(","):
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    serving.append(threading.Thread(target=serve, args=(listener, f"{folder}/{port}.sock")))
os.write(1, b"ready")
os.close(1)
for thread in serving:
    thread.start()

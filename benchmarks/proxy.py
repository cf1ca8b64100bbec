"""What the recording proxy adds to a request and to a chunk, beside the direct way in the same run.

    python -m benchmarks.proxy

Endpoint, agent and proxy are processes of their own on loopback, with kept connections. Direct and
proxied turns alternate, so that whatever else the machine does falls on both. The proxy reads
each request and answer as it does for a run, and its spans go to a batch exporter that drops them.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rich.console import Console
from rich.table import Table

from spanscore.instrumentation.proxy import Proxy, Upstream

REQUESTS = 400
STREAMS = 12
CHUNKS = 60
GAP_S = 0.003
BURST_CHUNKS = 20_000
HISTORY_BYTES = 20_000

_PATH = "/v1/chat/completions"
_TOKENS = {"prompt_tokens": 5000, "completion_tokens": 200}
_WHOLE = {"choices": [{"message": {"content": "x" * 2000}, "finish_reason": "stop"}]}
_END = b"data: [DONE]\n\n"


class Dropped(SpanExporter):
    """Takes every span and keeps none."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def main() -> None:
    """Measure both ways and print a table."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    endpoint = spawn.Process(target=serve, args=(theirs,), daemon=True)
    endpoint.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropped()))
    with Proxy() as proxy:
        route = proxy.route(provider.get_tracer("benchmark"), Context(), Upstream(url))
        agent = spawn.Process(target=ask, args=(theirs, url, route.url), daemon=True)
        agent.start()
        _print(ours.recv())
        agent.join()
        route.close()
    endpoint.terminate()
    provider.shutdown()


def _print(found: dict[str, dict[str, list[float]]]) -> None:
    table = Table("what", "direct", "proxied", "added, median", "added, p90")
    for what in ("a request, ms", "a chunk of a stream, ms"):
        direct, proxied = found["direct"][what], found["proxied"][what]
        medians = [statistics.median(times) for times in (direct, proxied)]
        tails = [statistics.quantiles(times, n=10)[-1] for times in (direct, proxied)]
        added = (medians[1] - medians[0], tails[1] - tails[0])
        table.add_row(what, *(f"{value:.2f}" for value in (*medians, *added)))
    rates = [max(found[way]["chunks/s"]) for way in ("direct", "proxied")]
    table.add_row("chunks without a pause, 1/s", *(f"{rate:,.0f}" for rate in rates), "", "")
    Console().print(table)


def ask(results: Connection, direct: str, proxied: str) -> None:
    """The agent: alternates between the two ways and reports its times."""
    ways = {"direct": direct, "proxied": proxied}
    places = {way: urlsplit(url) for way, url in ways.items()}
    sockets = {
        way: socket.create_connection((place.hostname or "", place.port or 0))
        for way, place in places.items()
    }
    found: dict[str, dict[str, list[float]]] = {way: {} for way in ways}
    jobs: list[tuple[str, int, Callable[[socket.socket, str], list[float]]]] = [
        ("a request, ms", REQUESTS, _request_ms),
        ("a chunk of a stream, ms", STREAMS, _chunks_ms),
        ("chunks/s", 3, _burst),
    ]
    for what, times, job in jobs:
        for turn in range(times):
            for way in list(ways)[:: 1 if turn % 2 else -1]:
                taken = job(sockets[way], places[way].path)
                found[way].setdefault(what, []).extend(taken if turn else [])
    results.send(found)


def _request_ms(connection: socket.socket, prefix: str) -> list[float]:
    sent = _request(prefix, stream=False)
    began_s = time.perf_counter()
    connection.sendall(sent)
    head, _, body = _until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(body) < length:
        body += connection.recv(1 << 16)
    return [(time.perf_counter() - began_s) * 1e3]


def _chunks_ms(connection: socket.socket, prefix: str) -> list[float]:
    """From the moment written in each chunk to its arrival."""
    connection.sendall(_request(prefix, stream=True))
    data, taken = b"", []
    while b"0\r\n\r\n" not in data[-7:]:
        came = connection.recv(1 << 16)
        now_ns = time.perf_counter_ns()
        data += came
        stamps = came.split(b'"at":')[1:]
        taken += [(now_ns - int(stamp.split(b"}")[0])) / 1e6 for stamp in stamps]
    return taken[1:]


def _burst(connection: socket.socket, prefix: str) -> list[float]:
    connection.sendall(_request(prefix, stream=True, chunks=BURST_CHUNKS))
    began_s = time.perf_counter()
    tail = b""
    while b"0\r\n\r\n" not in tail:
        tail = (tail + connection.recv(1 << 18))[-16:]
    return [BURST_CHUNKS / (time.perf_counter() - began_s)]


def _until(connection: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        data += connection.recv(1 << 16)
    return data


def _request(prefix: str, *, stream: bool, chunks: int = 0) -> bytes:
    history = [{"role": "user", "content": "x" * 500}] * (HISTORY_BYTES // 500)
    asked = {"model": "m", "stream": stream, "messages": history, "max_tokens": chunks}
    body = json.dumps(asked).encode()
    head = f"POST {prefix}{_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def serve(ready: Connection) -> None:
    """The endpoint: a thread a connection, as fast as plain sockets are."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    whole = json.dumps(_WHOLE | {"usage": _TOKENS}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(whole)}\r\n\r\n"
    )
    while True:
        data = _until(connection, b"\r\n\r\n")
        start, _, body = data.partition(b"\r\n\r\n")
        length = int(start.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += connection.recv(1 << 16)
        asked = json.loads(body)
        if asked["stream"]:
            _stream(connection, asked["max_tokens"])
        else:
            connection.sendall(head.encode() + whole)


def _stream(connection: socket.socket, burst: int) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for _ in range(burst or CHUNKS):
        if not burst:
            time.sleep(GAP_S)
        delta = '"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]'
        event = f'data: {{{delta},"at":{time.perf_counter_ns()}}}\n\n'.encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))
    connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(_END), _END))


if __name__ == "__main__":
    main()

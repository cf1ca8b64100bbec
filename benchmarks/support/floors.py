"""The floor of each step: bare transport, inbox, decode, DuckDB insert of ready Arrow."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import grpc
from aiohttp import web

from spanscore.collector.decode.batch import decode
from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.signals import Signal
from spanscore.collector.store.database import open_database

from .batches import SPANS
from .sender import Load, send

REQUESTS_A_COMMIT = 8
REQUESTS_A_TRANSACTION = 40


def transport(door: str, bodies: list[bytes]) -> float:
    """CPU us/span of a server that reads each body and answers, nothing else."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(door, theirs))
    process.start()
    url = ours.recv()
    send(Load(door, url, bodies))
    ours.send("stop")
    cpu_s: float = ours.recv()
    process.join()
    return cpu_s * 1e6 / (len(bodies) * SPANS)


def _serve(door: str, pipe: Connection) -> None:
    asyncio.run(_serve_grpc(pipe) if door == "grpc" else _serve_http(pipe))


async def _serve_http(pipe: Connection) -> None:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b"", content_type="application/x-protobuf")

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/v1/traces", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await _until_stopped(pipe, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


async def _serve_grpc(pipe: Connection) -> None:
    async def handle(_: bytes, __: object) -> bytes:
        return b""

    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await _until_stopped(pipe, f"http://127.0.0.1:{port}")
    await server.stop(1)


async def _until_stopped(pipe: Connection, url: str) -> None:
    began_s = time.process_time()
    pipe.send(url)
    await asyncio.to_thread(pipe.recv)
    pipe.send(time.process_time() - began_s)


def inbox(folder: Path, bodies: list[bytes]) -> float:
    """CPU us/span of appending to the inbox, REQUESTS_A_COMMIT at a time."""
    requests = [Request(Signal.TRACES, "open", time.time_ns(), body) for body in bodies]
    with Inbox(folder / "floor.inbox") as box:
        began_s = time.process_time()
        for first in range(0, len(requests), REQUESTS_A_COMMIT):
            box.append(requests[first : first + REQUESTS_A_COMMIT])
        return (time.process_time() - began_s) * 1e6 / (len(bodies) * SPANS)


def parse(bodies: list[bytes]) -> float:
    """CPU us/span of protobuf's own parser: what it takes to know that a body is good."""
    began_s = time.process_time()
    for body in bodies:
        Signal.TRACES.request_type.FromString(body)
    return (time.process_time() - began_s) * 1e6 / (len(bodies) * SPANS)


def decode_and_insert(folder: Path, bodies: list[bytes]) -> tuple[float, float]:
    """CPU us/span of decoding to Arrow, and of inserting that into DuckDB."""
    requests = [Request(Signal.TRACES, "open", time.time_ns(), body) for body in bodies]
    connection = open_database(folder / "floor.duckdb")
    decode(Signal.TRACES, requests[:1])
    decoding_s = inserting_s = 0.0
    for first in range(0, len(requests), REQUESTS_A_TRANSACTION):
        began_s = time.process_time()
        batch = decode(Signal.TRACES, requests[first : first + REQUESTS_A_TRANSACTION])
        decoded_s = time.process_time()
        _insert(connection, batch.records)
        decoding_s += decoded_s - began_s
        inserting_s += time.process_time() - decoded_s
    connection.close()
    spans = len(bodies) * SPANS
    return decoding_s * 1e6 / spans, inserting_s * 1e6 / spans


def _insert(connection: duckdb.DuckDBPyConnection, rows: object) -> None:
    connection.register("arriving", rows)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO span BY NAME SELECT * FROM arriving")
    connection.execute("COMMIT")
    connection.unregister("arriving")

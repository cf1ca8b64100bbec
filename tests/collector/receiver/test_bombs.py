"""Small requests that would grow: each stops at the limit, in bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Callable, Iterator

import grpc
import pytest
from grpc import aio

from spanscore.collector.signals import Signal
from tests.support.doors import BODIES, JSON, PROTOBUF, Doors, peak_rss_bytes, receiver_process
from tests.support.wire import field, record, records

MIB = 1024**2
LIMIT_BYTES = 64 * MIB
# Some 150 MiB for the process, then at most the request itself, twice while it is put together.
MEMORY_BYTES = 500 * MIB


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def _json_bomb() -> bytes:
    head = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":['
    return _gzip(head + b"{}," * (20 * MIB) + b"{}]}]}]}")


# Made when they are needed: compressed bodies, and those that are small enough, of masses of parts.
ZEROS: dict[str, Callable[[], bytes]] = {
    "in one member": lambda: _gzip(bytes(4 * LIMIT_BYTES)),
    "in 64 members": lambda: _gzip(bytes(16 * MIB)) * 64,
    "in a million empty members": lambda: _gzip(b"") * MIB,
}
TINY_PARTS: dict[str, Callable[[], tuple[str, bytes]]] = {
    "empty log records": lambda: (PROTOBUF, _gzip(records(field(2, b"") * (31 * MIB)))),
    "empty attributes": lambda: (PROTOBUF, _gzip(record(field(6, b"") * (31 * MIB)))),
    "empty objects in JSON": lambda: (JSON, _json_bomb()),
}


@pytest.fixture(scope="module")
def bombed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Doors, int]]:
    """A receiver in a process of its own, and its process id."""
    with receiver_process(tmp_path_factory.mktemp("bombed")) as running:
        yield running


linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="the peak of memory is read from /proc"
)


@linux_only
@pytest.mark.parametrize("name", ZEROS)
def test_a_gzip_bomb_is_refused_within_bounded_memory(bombed: tuple[Doors, int], name: str) -> None:
    doors, pid = bombed
    body = ZEROS[name]()
    answer = asyncio.run(doors.post("/v1/logs", body, Content_Encoding="gzip"))
    assert answer.status == 413
    assert asyncio.run(_code(doors, body)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert peak_rss_bytes(pid) < MEMORY_BYTES
    assert asyncio.run(doors.post("/v1/logs", BODIES[Signal.LOGS])).status == 200


@linux_only
@pytest.mark.parametrize("name", TINY_PARTS)
def test_masses_of_tiny_parts_are_refused_within_bounded_memory(
    bombed: tuple[Doors, int], name: str
) -> None:
    doors, pid = bombed
    content_type, body = TINY_PARTS[name]()
    answer = asyncio.run(doors.post("/v1/logs", body, content_type, Content_Encoding="gzip"))
    assert answer.status == 413
    assert peak_rss_bytes(pid) < MEMORY_BYTES
    assert asyncio.run(doors.post("/v1/logs", BODIES[Signal.LOGS])).status == 200


async def _code(doors: Doors, body: bytes) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as caught:
        await doors.export(Signal.LOGS, body)
    return caught.value.code()

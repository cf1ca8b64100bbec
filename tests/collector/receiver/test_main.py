"""The receiver as a process: it says where it listens, drains on SIGTERM, and never outlives."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spanscore.collector.child import NotStarted
from spanscore.collector.receiver.main import run
from spanscore.collector.signals import Signal
from tests.support.doors import (
    BODIES,
    LOOPBACK,
    PROTOBUF,
    START_TIMEOUT_S,
    options_in,
    receiver_process,
)

BODY = BODIES[Signal.TRACES]
ROOT = Path(__file__).parents[3]
ENDED_TIMEOUT_S = 30.0


def test_it_serves_and_ends_on_sigterm_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with receiver_process(tmp_path) as (doors, pid):
        assert asyncio.run(doors.post("/v1/traces", BODY)).status == 200
        assert asyncio.run(doors.export(Signal.TRACES, BODY)) == b""
        os.kill(pid, signal.SIGTERM)
        _wait_until_closed(doors.http_port)
    assert capfd.readouterr() == ("", "")
    assert len(doors.stored()) == 2


def test_what_is_in_flight_at_sigterm_is_answered(tmp_path: Path) -> None:
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: test\r\nContent-Type: {PROTOBUF}\r\n"
        f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with (
        receiver_process(tmp_path) as (doors, pid),
        socket.create_connection((LOOPBACK, doors.http_port), timeout=20) as client,
    ):
        client.sendall(head.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        os.kill(pid, signal.SIGTERM)
        _wait_until_closed(doors.http_port)
        client.sendall(BODY)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert [request.body for request in doors.stored()] == [BODY]


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.receiver_parent", tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        http_port = int(parent.stdout.readline())
        parent.kill()
    _wait_until_closed(http_port)


def test_it_says_why_it_cannot_start(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        options = options_in(tmp_path, http=f"{LOOPBACK}:{taken.getsockname()[1]}")
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=run, args=(options, theirs))
        process.start()
        theirs.close()
        assert ours.poll(START_TIMEOUT_S)
        report = ours.recv()
        ours.close()
        process.join(ENDED_TIMEOUT_S)
    assert isinstance(report, NotStarted)
    assert report.message.startswith(f"http = {options.http} cannot be opened")
    assert process.exitcode == 0


def _wait_until_closed(port: int) -> None:
    deadline_s = time.monotonic() + ENDED_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection((LOOPBACK, port), timeout=5).close()
        except ConnectionError:
            return
        time.sleep(0.05)
    raise AssertionError(f"port {port} is still open")

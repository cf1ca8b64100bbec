"""All that was acknowledged arrives, whatever is killed and however far a destination fell back."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from spanscore.collector.config import beside
from spanscore.collector.forward.ledger import Ledger
from spanscore.collector.inbox import Inbox
from tests.support.backend import Backend, Behaviour
from tests.support.running_collector import RunningCollector
from tests.support.telemetry import span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
FILLER = "f" * 20_000


def forwarding(folder: Path, *words: str) -> RunningCollector:
    """A collector that forwards to the URLs among `words`; the rest are further options."""
    options: list[str] = []
    for word in words:
        options += ["--forward", word] if "://" in word else [word]
    return RunningCollector(folder, *options)


def send(collector: RunningCollector, numbers: range, filler: str = "") -> None:
    """One request a span, each acknowledged before the next."""
    for number in numbers:
        body = traces_request(span(span_id=f"{number:016x}", name=str(number), filler=filler)).body
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"{collector.endpoints.http}/v1/traces", body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.status == 200


def forwarder_pid(collector: RunningCollector) -> int | None:
    """The process that has the ledger open and not the database."""
    service = json.loads(beside(collector.db, "serve.json").read_text())["pid"]
    for child in Path(f"/proc/{service}/task/{service}/children").read_text().split():
        try:
            held = {os.readlink(link) for link in Path(f"/proc/{child}/fd").iterdir()}
        except OSError:
            continue
        if any(name.endswith(".forward") for name in held) and not any(
            name.endswith(".duckdb") for name in held
        ):
            return int(child)
    return None


def is_started_anew(collector: RunningCollector, killed: int | None) -> bool:
    return forwarder_pid(collector) not in (None, killed)


def wait_until(
    true: Callable[[], bool], collector: RunningCollector, timeout_s: float = 90.0
) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, collector.printed
        time.sleep(0.05)


def wanted(numbers: range) -> set[str]:
    return {str(number) for number in numbers}


def test_all_that_was_acknowledged_arrives_though_the_forwarder_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    chance = random.Random(5)
    with Backend() as backend, forwarding(tmp_path, backend.url) as collector:
        backend.then(Behaviour(delay_s=0.02))
        first = 1
        for _ in range(3):
            send(collector, range(first, first + 40))
            first += 40
            time.sleep(chance.random() * 0.3)
            pid = forwarder_pid(collector)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            wait_until(partial(is_started_anew, collector, pid), collector)
        backend.wait_for(lambda: backend.names() == wanted(range(1, first)))


def test_a_stop_and_a_start_lose_nothing(tmp_path: Path) -> None:
    with Backend() as backend:
        backend.then(Behaviour(503))
        with forwarding(tmp_path, backend.url) as collector:
            send(collector, range(1, 20))
        assert not backend.taken
        backend.then(Behaviour())
        with forwarding(tmp_path, backend.url):
            backend.wait_for(lambda: backend.names() == wanted(range(1, 20)))


def test_a_destination_that_fell_too_far_back_is_fed_from_the_store_and_returns(
    tmp_path: Path,
) -> None:
    with Backend() as dead, Backend() as alive:
        url = dead.url
        dead.stop()
        with forwarding(tmp_path, url, alive.url, "--forward-lag", "1MiB") as collector:
            send(collector, range(1, 150), FILLER)  # 3 MB
            wait_until(lambda: "it goes on from the store" in collector.printed, collector)
            collector.settle()
            with Inbox(beside(collector.db, "inbox")) as inbox:
                assert "forward " + url.removeprefix("http://") not in inbox.readers()
                wait_until(lambda: inbox.depth().bytes < 1 << 20, collector)
            alive.wait_for(lambda: alive.names() >= wanted(range(1, 150)))
            # Killed while far behind: its place in the store is kept.
            pid = forwarder_pid(collector)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            send(collector, range(150, 160))
            dead.start()
            dead.wait_for(lambda: dead.names() >= wanted(range(1, 160)), 120)
            send(collector, range(160, 165))
            dead.wait_for(lambda: dead.names() >= wanted(range(1, 165)))
            with Ledger(beside(collector.db, "forward")) as ledger:
                title = url.removeprefix("http://")
                wait_until(lambda: ledger.cut(title) is None, collector)
                wait_until(lambda: ledger.status(title).source == "inbox", collector)
            assert f"forward {title}" in readers(collector)
        by_id = {s.span_id: s for s in dead.spans()}
        assert all(len(s.attributes) == 1 for s in by_id.values() if s.name != "settled")


def readers(collector: RunningCollector) -> set[str]:
    with Inbox(beside(collector.db, "inbox")) as inbox:
        return set(inbox.readers())


def test_what_is_not_configured_any_more_keeps_nothing_in_the_inbox(tmp_path: Path) -> None:
    with forwarding(tmp_path, "http://127.0.0.1:9") as collector:
        send(collector, range(1, 3))
        assert "forward 127.0.0.1:9" in readers(collector)
    with RunningCollector(tmp_path) as collector:
        assert readers(collector) == {"loader"}


def test_a_dead_backend_is_no_fault_of_the_loader(tmp_path: Path) -> None:
    with forwarding(tmp_path, "http://127.0.0.1:9") as collector:
        send(collector, range(1, 5))
        collector.settle()
        with Inbox(beside(collector.db, "inbox")) as inbox:
            assert inbox.depth("loader").requests == 0
            assert inbox.depth("forward 127.0.0.1:9").requests == 5


def test_refusals_are_in_the_store_with_what_where_and_why(tmp_path: Path) -> None:
    with Backend() as backend, forwarding(tmp_path, backend.url) as collector:
        backend.then(Behaviour(400, message="no such thing"))
        send(collector, range(7, 8))
        sql = "SELECT * EXCLUDE (rejection_id, rejected_at) FROM forward_rejected"
        wait_until(lambda: bool(collector.ask(sql)), collector)
        [row] = collector.ask(sql)
        reason = row.pop("reason")
        assert row == {
            "destination": backend.url.removeprefix("http://"),
            "url": backend.url,
            "signal": "traces",
            "records": 1,
            "trace_id": "0102030405060708090a0b0c0d0e0f10",
            "span_id": "0000000000000007",
            "name": "7",
            "code": "400",
        }
        assert reason.endswith("refused it for good: 400 Bad Request, no such thing")


def test_forwarding_to_ones_own_address_is_refused_at_start(tmp_path: Path) -> None:
    words = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:45917", "--web", "127.0.0.1:0"]
    served = subprocess.run(
        [COMMAND, "serve", *words, "--forward", "http://localhost:45917"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert served.returncode == 1
    assert "forward: http://localhost:45917 is this collector itself" in served.stderr


def test_what_comes_back_to_the_collector_that_sent_it_is_refused(tmp_path: Path) -> None:
    """As over a port that only passes on, where the address does not tell."""
    with Backend() as backend, forwarding(tmp_path, backend.url) as collector:
        send(collector, range(1, 2))
        backend.wait_for(lambda: bool(backend.taken))
        headers = {
            "Content-Type": "application/x-protobuf",
            "spanscore-forwarded-by": backend.taken[0].headers["spanscore-forwarded-by"],
        }
        body = backend.taken[0].message.SerializeToString()
        request = urllib.request.Request(f"{collector.endpoints.http}/v1/traces", body, headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        with refused.value as answer:
            assert answer.code == 508
            assert b"a circle" in answer.read()

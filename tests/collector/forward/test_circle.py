"""Two collectors that forward to each other: nothing goes round."""

from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path

from spanscore.collector.config import beside
from spanscore.collector.forward.ledger import Ledger, Status
from tests.support.running_collector import RunningCollector
from tests.support.telemetry import span, traces_request


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status_of(collector: RunningCollector) -> Status:
    with Ledger(beside(collector.db, "forward")) as ledger:
        [status] = ledger.statuses().values()
    return status


def test_a_circle_through_a_second_collector_ends_where_it_began(tmp_path: Path) -> None:
    port = a_free_port()
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    back = ["--forward", f"http://127.0.0.1:{port}"]
    with RunningCollector(folders[1], *back) as two:
        options = ["--http", f"127.0.0.1:{port}", "--forward", two.endpoints.http]
        with RunningCollector(folders[0], *options) as one:
            body = traces_request(span()).body
            headers = {"Content-Type": "application/x-protobuf"}
            url = f"{one.endpoints.http}/v1/traces"
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60):
                pass
            deadline_s = time.monotonic() + 90
            while (status := status_of(two)).state != "held":
                assert time.monotonic() < deadline_s, two.printed
                time.sleep(0.1)
            assert status.last_error is not None
            assert "is this collector itself, or forwards to it: a circle" in status.last_error
            assert status.sent_records == 0
            assert two.printed.count("a circle") == 1
            # The way there goes on.
            two.wait_until(lambda: status_of(one).sent_records == 1, 60, "the span to be sent on")
            assert status_of(one).state != "held"
            [row] = two.ask("SELECT count(*) AS n FROM spans")
            assert row["n"] == 1

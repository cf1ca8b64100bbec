"""Without a database the inbox is the bound for a dead destination, and that is said."""

from __future__ import annotations

import subprocess
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

from spanscore.collector.config import beside
from spanscore.collector.forward.ledger import Ledger
from spanscore.collector.forward.progress import FILLS
from tests.support.backend import Backend
from tests.support.running_collector import RunningCollector
from tests.support.telemetry import span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def send(collector: RunningCollector, number: int) -> int:
    body = traces_request(span(span_id=f"{number:016x}", name=str(number), filler="f" * 100_000))
    headers = {"Content-Type": "application/x-protobuf"}
    url = f"{collector.endpoints.http}/v1/traces"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body.body, headers), timeout=60
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code if error.headers["Retry-After"] else 0


def test_senders_are_told_to_come_again_and_nothing_that_was_taken_is_lost(tmp_path: Path) -> None:
    with Backend() as backend:
        url = backend.url
        backend.stop()
        options = (
            "--no-db",
            "--lake",
            "lake",
            "--lake-every",
            "1s",
            "--forward",
            url,
            "--inbox-max",
            "2MiB",
        )
        with RunningCollector(tmp_path, *options) as collector:
            taken = 0
            while (status := send(collector, taken + 1)) == 200:
                taken += 1
                assert taken < 100
            assert status == 503
            assert taken >= 5
            collector.wait_until(lambda: FILLS in collector.printed, 60, "the log to tell")

            def is_told() -> bool:
                with Ledger(beside(collector.db, "forward")) as ledger:
                    [status] = ledger.statuses().values()
                return status.fills_inbox

            collector.wait_until(is_told, 60, "the ledger to tell")
            words = [str(COMMAND), "forward", "--db", str(collector.db)]
            shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
            assert FILLS in shown.stdout
            backend.start()
            wanted = {str(number) for number in range(1, taken + 1)}
            backend.wait_for(lambda: backend.names() >= wanted, 120)
            collector.wait_until(lambda: send(collector, taken + 1) == 200, 120, "room")
            collector.wait_until(lambda: not is_told(), 60, "all to be well")

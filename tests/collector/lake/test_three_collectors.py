"""Three collectors feed one lake: the leaderboard is that of one collector that got everything."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.inbox import Request
from spanscore.collector.keys import ingest_key
from spanscore.collector.lake.opened import open_lake
from spanscore.collector.receiver.origin import mint
from tests.support.cells import same
from tests.support.relay import Relay
from tests.support.repeated_runs import repeated_runs
from tests.support.running_collector import RunningCollector
from tests.support.s3_server import S3Server
from tests.support.sessions import SESSIONS, session_requests
from tests.support.telemetry import traces_request

pytestmark = pytest.mark.s3

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
HOUR_AHEAD = """\
import time

_s, _ns = time.time, time.time_ns
time.time = lambda: _s() + 3600
time.time_ns = lambda: _ns() + 3600 * 10**9
"""
LAKE = "s3://sweeps/lake"


def requests() -> Iterator[Request]:
    """A sweep, and sessions of real agents; what belongs to one run comes in several requests."""
    for run in repeated_runs():
        spans = run.spans()
        for nth in range(4):
            yield traces_request(*spans[nth::4], origin=run.origin, resource=run.resource)
    for session in SESSIONS[:4]:
        yield from session_requests(session)


def send(collector: RunningCollector, request: Request) -> None:
    """As an exporter does: again and again until it is acknowledged."""
    token = mint(ingest_key(collector.db), "harness", "test")
    door = f"/o/{token}" if request.origin == "harness" else ""
    post = urllib.request.Request(
        f"{collector.endpoints.http}{door}{request.signal.path}",
        data=request.body,
        headers={"Content-Type": "application/x-protobuf"},
    )
    deadline_s = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(post, timeout=10):
                return
        except OSError:
            assert time.monotonic() < deadline_s, collector.printed
            time.sleep(0.1)


def leaderboard(place: str | Path) -> list[dict[str, Any]]:
    """What the command says of a lake or of a file."""
    asked = subprocess.run(
        [COMMAND, "score", "--db", place, "--format", "json"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    rows: list[dict[str, Any]] = json.loads(asked.stdout)
    return rows


def rows_of(collector: str) -> int:
    """How many spans the lake has by now of the collector whose inbox this is."""
    with open_lake(LAKE, ()) as opened:
        [(found,)] = opened.connection.execute(
            'SELECT count(DISTINCT "position") FROM raw_spans WHERE inbox = $1', [collector]
        ).fetchall()
    return int(found)


def writer_of(collector: RunningCollector) -> str:
    """The id of its writer in the lake."""
    state = collector.db.with_name(f"{collector.db.name}.lake.json")
    return str(json.loads(state.read_text())[LAKE]["writer"])


def spread(sent: Sequence[Request], collectors: Sequence[RunningCollector]) -> None:
    """Each request to the next collector."""
    for number, request in enumerate(sent):
        send(collectors[number % len(collectors)], request)


def test_one_killed_one_cut_off_and_one_with_a_fast_clock_make_the_leaderboard_of_one_that_got_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed, cut_off, fast = (tmp_path / name for name in ("whole", "killed", "cut", "fast"))
    for folder in (whole, killed, cut_off, fast):
        folder.mkdir()
    (fast / "sitecustomize.py").write_text(HOUR_AHEAD)
    sent = list(requests())
    third = len(sent) // 3
    options = ("--lake", LAKE, "--lake-every", "1s")
    with S3Server(tmp_path) as server, Relay(server.port) as relay:
        server.make_bucket("sweeps")
        right = server.environment()
        for name, value in right.items():
            monkeypatch.setenv(name, value)
        with (
            RunningCollector(fast, *options, variables={"PYTHONPATH": str(fast)}) as c,
            RunningCollector(cut_off, *options, variables=server.environment(relay.port)) as b,
        ):
            with RunningCollector(killed, *options) as a:
                spread(sent[:third], (a, b, c))
                b.wait_until(lambda: rows_of(writer_of(b)) > 0, 90, "rows of the second")
                relay.cut()
                spread(sent[third : third + 20], (a, b, c))
                a.kill()
            with RunningCollector(killed, *options) as a:
                # Whoever had no answer when it died sends again.
                spread(sent[third + 10 : 2 * third], (a, b, c))
                b.wait_until(lambda: "feeding the lake waits" in b.printed, 90, "the fault")
                before = rows_of(writer_of(b))
                c.wait_until(lambda: rows_of(writer_of(c)) > third // 3, 90, "rows of the third")
                assert rows_of(writer_of(b)) == before
                relay.mend()
                spread(sent[2 * third :], (a, b, c))
        with RunningCollector(whole) as one:
            for request in sent:
                send(one, request)
        writers = {writer_of(collector) for collector in (a, b, c)}
        found = leaderboard(LAKE)
        with open_lake(LAKE, ()) as opened:
            told = opened.connection.execute(
                "SELECT collector, inbox, max(received_ns) > $1 AS is_ahead FROM raw_spans "
                "GROUP BY 1, 2",
                [time.time_ns() + 1800 * 10**9],
            ).fetchall()
            spans = opened.connection.execute("SELECT count(*) FROM spans").fetchall()
    assert sorted(row["agent"] for row in found) == ["quick", "slow", "unlucky"]
    # The last digit of a mean is that of the order in which it was summed up.
    assert same(*([list(row.items()) for row in board] for board in (found, leaderboard(one.db))))
    assert [tuple(row.values()) for row in one.ask("SELECT count(*) FROM spans")] == spans
    # All bear the name of this machine; the third one's clock was an hour ahead.
    assert len({collector for collector, _, _ in told}) == 1
    assert {inbox: is_ahead for _, inbox, is_ahead in told} == {
        writer: writer == writer_of(c) for writer in writers
    }

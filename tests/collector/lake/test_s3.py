"""A lake on S3: a real server, what is said when it fails, and that nothing is lost by it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanscore.collector.inbox import Inbox, Request
from spanscore.collector.lake import process
from spanscore.collector.lake.compact import compact, retain
from spanscore.collector.lake.opened import open_lake
from spanscore.collector.lake.readers import reader_name
from spanscore.queries import catalog
from spanscore.queries.engines.duckdb import LakeReadError
from spanscore.queries.lake import storage
from spanscore.queries.lake.snapshot import take
from spanscore.queries.lake.storage import StorageError, open_storage
from tests.collector.lake.test_compact import compacted
from tests.collector.lake.test_opened import Answers, asked, quiet
from tests.collector.test_service import post
from tests.support.lakes import fill, put, writing
from tests.support.relay import Relay
from tests.support.running_collector import RunningCollector
from tests.support.s3_server import S3Server
from tests.support.sessions import SESSIONS, session_requests
from tests.support.telemetry import START_NS, span, traces_request

pytestmark = pytest.mark.s3

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
DAY_NS = 86400 * 10**9
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all of these tests; each has a bucket of its own."""
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def relay(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The way to the server that this test's clients take."""
    with Relay(server.port) as running:
        for name, value in server.environment(running.port).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def lake(server: S3Server, relay: Relay) -> str:
    """A lake in a bucket that is there."""
    bucket = f"bucket-{next(_NUMBERS)}"
    server.make_bucket(bucket)
    return f"s3://{bucket}/some/lake"


def answers(place: str | Path) -> Answers:
    """All rows of all views."""
    with open_lake(place, catalog.builtin()) as opened:
        return asked(opened)


def span_ids(place: str) -> Counter[str]:
    """Every span of every file, also what is there twice."""
    with open_lake(place, ()) as opened:
        found = opened.connection.execute("SELECT span_id FROM raw_spans").fetchall()
    return Counter(span_id for (span_id,) in found)


def numbered(*numbers: int) -> list[Request]:
    """A request with one span for each number, which is its id."""
    return [traces_request(span(span_id=f"{number:016x}")) for number in numbers]


@contextmanager
def feeding(folder: Path, lake: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lake writer's loop on a thread, with short waits between its tries."""
    monkeypatch.setattr(process, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(process, "LAST_RETRY_S", 0.05)
    stop = threading.Event()
    with writing(folder, open_storage(lake)) as writer:
        thread = threading.Thread(target=process.feed, args=(writer, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Until it is so, for a minute and a half at most."""
    deadline_s = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


def all_sealed(folder: Path, lake: str) -> bool:
    with Inbox(folder / "s.inbox") as inbox:
        return not inbox.depth(reader_name(lake)).requests


def test_a_lake_on_s3_says_what_one_in_a_folder_says_compacted_or_not(
    tmp_path: Path, lake: str
) -> None:
    requests = [request for session in SESSIONS[:5] for request in session_requests(session)]
    half = len(requests) // 2
    for place in (lake, tmp_path / "lake"):
        fill(place, tmp_path / "a", *requests[: half + 10], collector="a")
        fill(place, tmp_path / "b", *requests[half:], collector="b")
        for name in "ab":
            for path in (tmp_path / name).iterdir():
                path.unlink()
    expected = answers(tmp_path / "lake")
    assert answers(lake) == expected
    on_s3 = open_storage(lake)
    report = compacted(on_s3)
    assert report.rows_before > report.rows_after > 0
    compacted(on_s3, grace_s=-1)
    assert answers(lake) == expected
    assert not take(on_s3).ignored


def test_days_before_a_date_go_from_s3(tmp_path: Path, lake: str) -> None:
    for number, start_ns in enumerate((START_NS - 9 * DAY_NS, START_NS)):
        fill(lake, tmp_path / "a",
             traces_request(span(span_id=f"{number:016x}", start_ns=start_ns)))  # fmt: skip
    assert retain(open_storage(lake), "2026-09-20") == 1
    assert span_ids(lake) == {f"{1:016x}": 1}
    compact(open_storage(lake), (), quiet, grace_s=-1, settled_s=-7200)
    assert [name.split("/")[1] for name in take(open_storage(lake)).names("spans")] == [
        "date=2026-09-21"
    ]


def test_an_object_is_sealed_once_and_never_replaced(lake: str) -> None:
    on_s3 = open_storage(lake)
    assert on_s3.create("spans/a", b"first")
    assert not on_s3.create("spans/a", b"second")
    assert on_s3.read("spans/a") == b"first"
    on_s3.remove("spans/a")
    on_s3.remove("spans/a")
    assert on_s3.list("spans") == []


def test_a_missing_bucket_is_said_once_and_what_waits_goes_there_when_it_is_made(
    tmp_path: Path,
    server: S3Server,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(tmp_path, *numbered(1, 2))
    lake = "s3://not-made-yet/lake"
    said = ""
    with feeding(tmp_path, lake, monkeypatch):

        def is_said() -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return "there is no such bucket" in said

        wait_until(is_said, "the fault to be said")
        put(tmp_path, *numbered(3))
        server.make_bucket("not-made-yet")
        wait_until(lambda: all_sealed(tmp_path, lake), "all to be sealed")
    assert said.splitlines() == [
        "spanscore: feeding the lake waits: the lake s3://not-made-yet/lake: there is no such "
        "bucket; make it, or name another"
    ]
    assert span_ids(lake) == Counter(f"{n:016x}" for n in (1, 2, 3))


def test_asking_a_missing_bucket_says_so(relay: Relay) -> None:
    with pytest.raises(StorageError, match="there is no such bucket; make it, or name another"):
        answers("s3://never-made/lake")


def test_a_store_that_is_down_for_a_while_gets_everything_once_when_it_is_back(
    tmp_path: Path,
    lake: str,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(tmp_path, *numbered(1))
    with feeding(tmp_path, lake, monkeypatch):
        wait_until(lambda: all_sealed(tmp_path, lake), "the first to be sealed")
        relay.cut()
        for number in range(2, 6):  # what comes meanwhile is kept
            put(tmp_path, *numbered(number))
        said = ""

        def is_said() -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return bool(said)

        wait_until(is_said, "the fault to be said")
        relay.mend()
        wait_until(lambda: all_sealed(tmp_path, lake), "the rest to be sealed")
    assert said.startswith(f"spanscore: feeding the lake waits: the lake {lake} does not answer")
    assert span_ids(lake) == Counter(f"{n:016x}" for n in range(1, 6))


def test_a_store_that_hangs_or_is_slow_gets_everything_once(
    tmp_path: Path, server: S3Server, lake: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "READ_S", 1)
    put(tmp_path, *numbered(*range(1, 9)))
    relay.stall()
    with feeding(tmp_path, lake, monkeypatch):
        time.sleep(1.5)  # a try and more is under way, and hangs
        put(tmp_path, *numbered(9))
        relay.mend()
        relay.delay_s = 0.3
        wait_until(lambda: all_sealed(tmp_path, lake), "all to be sealed")
    relay.mend()
    assert span_ids(lake) == Counter(f"{n:016x}" for n in range(1, 10))


def test_an_object_removed_behind_our_back_is_named_and_the_rest_is_still_there(
    tmp_path: Path, server: S3Server, lake: str
) -> None:
    fill(lake, tmp_path / "a", *numbered(1))
    fill(lake, tmp_path / "a", traces_request(span(span_id="02" * 8, start_ns=START_NS + DAY_NS)))
    bucket = lake.removeprefix("s3://").split("/")[0]
    snapshot = take(open_storage(lake))
    first, _ = snapshot.names("spans")
    server.remove(f"{bucket}/some/lake/{first}")
    with (
        pytest.raises(LakeReadError, match=f"{first}.*removed behind our back, put it back"),
        open_lake(open_storage(lake), (), snapshot=snapshot),
    ):
        pass
    assert span_ids(lake) == {"02" * 8: 1}  # asked again, as the sentence says
    compact(open_storage(lake), (), quiet, settled_s=-7200)
    [made] = take(open_storage(lake)).names("spans")
    server.remove(f"{bucket}/some/lake/{made}")
    assert take(open_storage(lake)).missing == (made,)
    told = run("sql", "SELECT count(*) AS n FROM spans", "--db", lake, "--format", "json")
    assert "1 files of" in told.stderr
    assert "are gone, and their rows with them" in told.stderr
    assert json.loads(told.stdout) == [{"n": 0}]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user runs it."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_commands_ask_and_look_after_a_lake_on_s3(tmp_path: Path, lake: str) -> None:
    fill(lake, tmp_path / "a", *numbered(1, 2), collector="a")
    fill(lake, tmp_path / "b", *numbered(2, 3), collector="b")
    counted = run("sql", "SELECT count(*) AS n FROM spans", "--db", lake, "--format", "json")
    assert json.loads(counted.stdout) == [{"n": 3}], counted.stderr
    made = run("lake", "compact", "--lake", lake, "--format", "json")
    assert (json.loads(made.stdout)["rows_before"], json.loads(made.stdout)["rows_after"]) == (4, 3)
    status = run("lake", "status", "--lake", lake, "--format", "json")
    assert json.loads(status.stdout)["folders"]["spans"]["compacted_rows"] == 3
    listed = run("runs", "--db", lake, "--format", "json")
    assert len(json.loads(listed.stdout)) == 1, listed.stderr


def test_wrong_credentials_are_said_once_and_collection_goes_on_until_they_are_right(
    tmp_path: Path, server: S3Server, lake: str
) -> None:
    right = server.environment()
    options = ("--lake", lake, "--lake-every", "1s")
    wrong = {**right, "AWS_SECRET_ACCESS_KEY": "not-it"}
    with RunningCollector(tmp_path, *options, variables=wrong) as collector:
        post(collector, 1)
        collector.wait_until(
            lambda: "refuses these credentials" in collector.printed, 90, "the fault to be said"
        )
        post(collector, 2)
        collector.settle()
        assert collector.ask("SELECT count(*) AS n FROM spans WHERE name = 'work'") == [{"n": 2}]
        [said] = [line for line in collector.printed.splitlines() if "feeding the lake" in line]
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said
    with RunningCollector(tmp_path, *options, variables=right) as collector:
        post(collector, 3)
    found = span_ids(lake)
    assert {n: found[f"{n:016x}"] for n in (1, 2, 3)} == {1: 1, 2: 1, 3: 1}
    assert set(found.values()) == {1}

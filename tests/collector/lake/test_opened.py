"""A lake in place of the database: the same questions, the same answers."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from spanscore.collector.lake.opened import OpenLake, open_lake
from spanscore.collector.store.marts import Marts
from spanscore.queries import catalog
from spanscore.queries.engines.duckdb import LakeReadError
from spanscore.queries.lake.storage import StorageError
from tests.support.lakes import files, fill
from tests.support.sessions import SESSIONS, session_requests
from tests.support.stored import stored
from tests.support.telemetry import START_NS, log, logs_request, span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
VIEWS = ("spans", "logs", "metric_points", *(view.name for view in catalog.builtin()))
Answers = dict[str, list[tuple[Any, ...]]]


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


def everything(connection: duckdb.DuckDBPyConnection) -> Answers:
    """All rows of all views."""
    return {
        view: connection.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall() for view in VIEWS
    }


def asked(lake: OpenLake) -> Answers:
    """All rows of all views of a lake."""
    lake.prepare(" ".join(VIEWS), quiet)
    return everything(lake.connection)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Answers]]:
    """A lake of all captured sessions, fed by three collectors, and what a store says of them."""
    folder = tmp_path_factory.mktemp("sessions")
    requests = [request for session in SESSIONS for request in session_requests(session)]
    for number in range(3):
        fill(folder / "lake", folder / f"c{number}", *requests[number::3], collector=f"c{number}")
    with stored(folder) as store:
        store.put(*requests)
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
        yield folder / "lake", everything(store.connection)


@pytest.fixture(scope="module")
def found(sessions: tuple[Path, Answers]) -> Answers:
    """What the lake says."""
    with open_lake(sessions[0], catalog.builtin()) as lake:
        return asked(lake)


@pytest.mark.parametrize("view", VIEWS)
def test_a_lake_of_three_collectors_says_what_one_store_says(
    sessions: tuple[Path, Answers], found: Answers, view: str
) -> None:
    assert found[view] == sessions[1][view]


def test_what_was_sent_twice_to_two_collectors_counts_once(tmp_path: Path) -> None:
    requests = [request for session in SESSIONS[:4] for request in session_requests(session)]
    fill(tmp_path / "once", tmp_path / "a", *requests)
    for name in ("b", "c"):
        fill(tmp_path / "twice", tmp_path / name, *requests, collector=name)
    answers = []
    for place in ("once", "twice"):
        with open_lake(tmp_path / place, catalog.builtin()) as lake:
            answers.append(asked(lake))
    assert answers[0] == answers[1]


def test_a_span_that_comes_in_another_request_counts_once_and_the_first_one_stays(
    tmp_path: Path,
) -> None:
    first, second = span(name="first"), span(name="second")
    fill(tmp_path / "lake", tmp_path / "a", traces_request(second, received_ns=2))
    fill(tmp_path / "lake", tmp_path / "b", traces_request(first, received_ns=1), collector="b")
    fill(tmp_path / "lake", tmp_path / "b", traces_request(first, origin="agent"), collector="b")
    with open_lake(tmp_path / "lake", ()) as lake:
        found = lake.connection.execute("SELECT origin, name FROM spans ORDER BY 1").fetchall()
    assert found == [("agent", "first"), ("open", "first")]


def test_equal_records_of_one_request_all_count(tmp_path: Path) -> None:
    request = logs_request(log(), log(), log())
    for name in ("a", "b"):
        fill(tmp_path / "lake", tmp_path / name, request, collector=name)
    with open_lake(tmp_path / "lake", ()) as lake:
        assert lake.connection.execute("SELECT count(*) FROM logs").fetchall() == [(3,)]


def test_clocks_an_hour_apart_change_no_run(tmp_path: Path) -> None:
    hour_ns = 3600 * 10**9
    here = traces_request(span(span_id="01" * 8, session__id="s"))
    there = traces_request(span(span_id="02" * 8, start_ns=START_NS - hour_ns))
    fill(tmp_path / "lake", tmp_path / "a", here)
    fill(tmp_path / "lake", tmp_path / "b", there, collector="b")
    assert len({name.rpartition("/")[0] for name in files(tmp_path / "lake")}) == 2
    with open_lake(tmp_path / "lake", ()) as lake:
        found = lake.connection.execute("SELECT run_id, count(*) FROM spans GROUP BY 1").fetchall()
    assert found == [("s", 2)]


def test_an_empty_lake_has_all_views_and_no_row(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    with open_lake(tmp_path / "lake", catalog.builtin()) as lake:
        answers = asked(lake)
    tables_of_ours = {"prices", "failure_classes"}
    assert {view for view, rows in answers.items() if rows} == tables_of_ours


def test_a_file_of_an_earlier_version_has_null_in_the_columns_that_came_later(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "lake", tmp_path / "a", traces_request(span(span_id="01" * 8)))
    [name] = files(tmp_path / "lake")
    path = tmp_path / "lake" / name
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["attempt", "resource_raw"]), path)
    with open_lake(tmp_path / "lake", ()) as lake:
        assert lake.connection.execute("SELECT attempt FROM spans").fetchall() == [(None,)]
    fill(tmp_path / "lake", tmp_path / "a", traces_request(span(span_id="02" * 8, attempt=3)))
    with open_lake(tmp_path / "lake", ()) as lake:
        found = lake.connection.execute("SELECT attempt FROM spans ORDER BY span_id").fetchall()
    assert found == [(None,), (3,)]


def test_a_file_that_was_changed_behind_our_back_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "lake", tmp_path / "a", traces_request(span()))
    [name] = files(tmp_path / "lake")
    (tmp_path / "lake" / name).write_bytes(b"no parquet at all, and long enough for a footer")
    with pytest.raises(LakeReadError, match=f"{name}.*put it back or remove it"):  # noqa: SIM117
        with open_lake(tmp_path / "lake", ()):
            pass


def test_a_manifest_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake" / "manifest").mkdir(parents=True)
    manifest = tmp_path / "lake" / "manifest" / "000000001.json"
    manifest.write_text('{"format": 99}')
    with pytest.raises(StorageError, match="newer spanscore"), open_lake(tmp_path / "lake", ()):
        pass
    manifest.write_text("[]")
    with pytest.raises(StorageError, match="is damaged"), open_lake(tmp_path / "lake", ()):
        pass


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line, as a user runs it."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_every_command_that_asks_takes_a_lake(sessions: tuple[Path, Answers]) -> None:
    place, expected = sessions
    counted = run("sql", "SELECT count(*) AS n FROM spans", "--db", place, "--format", "json")
    assert json.loads(counted.stdout) == [{"n": len(expected["spans"])}], counted.stderr
    listed = run("runs", "--db", place, "--format", "json", "--limit", "1000")
    assert len(json.loads(listed.stdout)) == len(expected["runs"]), listed.stderr
    run_id = json.loads(listed.stdout)[0]["run_id"]
    shown = run("show", run_id, "--db", place, "--format", "json")
    assert json.loads(shown.stdout)[0]["run_id"] == run_id, shown.stderr
    scored = run("score", "--db", place, "--format", "json")
    assert len(json.loads(scored.stdout)) == len(expected["leaderboard"]), scored.stderr


def test_a_question_to_a_lake_reaches_no_other_file_and_writes_none(
    sessions: tuple[Path, Answers], tmp_path: Path
) -> None:
    place, _ = sessions
    for query in (
        f"COPY spans TO '{tmp_path / 'out.parquet'}'",
        "FROM read_parquet('/etc/passwd')",
        "FROM read_text('/etc/passwd')",
    ):
        asked = run("sql", query, "--db", place)
        assert asked.returncode == 1
        assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    "command",
    [("serve", "s3://bucket/prefix"), ("import", "."), ("doctor", "."), ("runs", ".")],
    ids=lambda command: command[0],
)
def test_what_needs_a_database_file_says_so(command: tuple[str, str]) -> None:
    name, place = command
    further = {"import": ("x.pb",), "runs": ("--pin", "r")}.get(name, ())
    asked = run(name, *further, "--db", place)
    assert asked.returncode == 2
    assert "is a lake, and" in asked.stderr
    assert "needs a database file. Name one with --db" in asked.stderr

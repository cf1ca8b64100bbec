"""The doctor: what is wrong is said in plain words, with the fix, and in the exit code."""

from __future__ import annotations

import json
import os
import secrets
import socket
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from spanscore.collector.cli import app
from spanscore.collector.config import load
from spanscore.collector.doctor import compact
from spanscore.collector.running import Running, find
from spanscore.collector.store.database import DatabaseError
from spanscore.collector.store.marts import Marts
from spanscore.instrumentation.spool import Spool
from tests.support.inbox_disk import disk_full_beyond
from tests.support.running_collector import RunningCollector
from tests.support.stored import stored
from tests.support.telemetry import span, traces_request

DB = "s.duckdb"
FREE = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--web", "127.0.0.1:0"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def examine(*flags: str, db: str = DB) -> Result:
    return CliRunner().invoke(app, ["doctor", "--db", db, *(flags or FREE)])


def test_a_healthy_store_is_well_and_the_exit_code_is_0(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    Path(DB).chmod(0o600)
    result = examine()
    assert result.exit_code == 0, result.output
    assert "WRONG" not in result.output
    assert "ok    schema: version" in result.output


def test_nothing_there_yet_is_a_note_and_not_wrong() -> None:
    result = examine()
    assert result.exit_code == 0
    assert "does not exist yet; `spanscore serve` makes it" in result.output


def test_a_port_that_is_taken_is_wrong_with_the_flag_that_helps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = examine("--http", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"http: 127.0.0.1:{port} cannot be opened" in result.output
    assert "--http" in result.output


def test_files_that_others_can_read_are_wrong_with_the_command_that_helps(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    Path(DB).chmod(0o644)
    result = examine()
    assert result.exit_code == 1
    assert f"chmod 600 {DB}" in result.output


def test_a_damaged_database_and_a_foreign_one_are_wrong() -> None:
    Path("broken.duckdb").write_bytes(b"x" * 5000)
    assert "cannot be opened" in examine(db="broken.duckdb").output
    duckdb.connect("foreign.duckdb").close()
    assert "not spanscore's" in examine(db="foreign.duckdb").output


def test_a_damaged_inbox_is_wrong_and_the_text_says_what_to_do() -> None:
    Path(f"{DB}.inbox").write_bytes(b"x" * 100_000)
    result = examine()
    assert result.exit_code == 1
    assert "aside" in result.output


def test_the_note_of_a_killed_collector_is_recognised_though_its_process_id_is_taken() -> None:
    left = Running(os.getpid(), "", "", "", "", "")
    with left.write(Path(DB)):
        assert find(Path(DB)) == left
    assert find(Path(DB)) is None
    assert "was left by one that was killed" in examine().output


def test_requests_that_could_not_be_stored_are_a_note(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.ask("INSERT INTO rejected VALUES (1, 'open', 'traces', 1, 'bad', 'x'::BLOB)")
    assert "1 requests could not be stored" in examine().output


def test_telemetry_that_no_collector_took_is_a_note_with_the_command_that_brings_it_in(
    tmp_path: Path,
) -> None:
    assert "spool" not in examine().output
    spool = tmp_path / f"{DB}.spool"
    spool.mkdir()
    Spool(spool / "r1.pb").add("traces", traces_request(span()).body)
    result = examine()
    assert result.exit_code == 0
    assert "no collector took telemetry of runs (files: 1)" in result.output
    assert f"spanscore import {DB}.spool" in result.output
    done = CliRunner().invoke(app, ["import", str(spool), "--db", DB])
    assert "1 request from 1 file went in" in done.output


def test_a_running_collector_is_examined_through_its_health(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        result = examine(db=str(collector.db))
        assert result.exit_code == 0, result.output
        assert "health: 0 requests wait for the loader" in result.output
        with pytest.raises(DatabaseError, match="stop it first"):
            compact(load(db=collector.db))


def test_compacting_on_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    with stored(tmp_path) as store:
        store.put(traces_request(span(note=secrets.token_hex(500_000))))
    before = Path(DB).read_bytes()
    files = sorted(path.name for path in tmp_path.iterdir())
    full = disk_full_beyond(300_000)
    with full, pytest.raises(DatabaseError, match="is as it was; it could not be compacted"):
        compact(load(db=DB))
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert Path(DB).read_bytes() == before


def test_the_findings_can_be_read_by_programs() -> None:
    result = examine("--format", "json", *FREE)
    assert {"level", "subject", "text"} == set(json.loads(result.output)[0])


def test_the_views_of_every_run_can_be_computed_anew(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(traces_request(span(session__id="s1")))
        Marts(store.connection).refresh_all()
        store.ask("DELETE FROM marts.runs")
    result = CliRunner().invoke(app, ["doctor", "--recompute", "--db", DB])
    assert "1 runs is computed anew" in result.output, result.output
    with stored(tmp_path) as store:
        assert store.ask("SELECT run_id FROM runs") == [("s1",)]

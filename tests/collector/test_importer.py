"""Files come in as through a door: every form, again without effect, bad ones named."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from typer.testing import CliRunner

from spanscore.collector.cli import app
from spanscore.collector.config import load
from spanscore.collector.export.mark import Mark, mark_protobuf
from spanscore.collector.importer import import_files
from spanscore.collector.inbox import Inbox
from spanscore.collector.receiver.options import ReceiverOptions
from spanscore.collector.signals import Signal
from spanscore.collector.store.database import open_database
from tests.support.inbox_disk import overwrite
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, span, traces_request

RUNNER = CliRunner()
TRACES = traces_request(span()).body
LOGS = logs_request(log()).body


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def as_json(body: bytes, signal: Signal) -> dict[str, Any]:
    """OTLP/JSON of a request whose records have no ids (those would need hex)."""
    found: dict[str, Any] = json_format.MessageToDict(signal.request_type.FromString(body))
    return found


def run(*paths: str) -> tuple[int, dict[str, Any]]:
    """Import the paths; the exit code and the report."""
    result = RUNNER.invoke(app, ["import", *paths, "--db", "i.duckdb", "--format", "json"])
    report: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, report


def count(view: str) -> int:
    with open_database(Path("i.duckdb")) as connection:
        [(found,)] = connection.execute(f"SELECT count(*) FROM {view}").fetchall()
    return int(found)


def test_a_protobuf_body_goes_in_with_the_origin_import(tmp_path: Path) -> None:
    Path("t.pb").write_bytes(TRACES)
    assert run("t.pb")[0] == 0
    with open_database(Path("i.duckdb")) as connection:
        assert connection.execute("SELECT name, origin FROM spans").fetchall() == [
            ("work", "import")
        ]


@pytest.mark.parametrize("pretty", [True, False])
def test_a_json_body_goes_in_on_one_line_or_many(pretty: bool) -> None:
    Path("l.json").write_text(json.dumps(as_json(LOGS, Signal.LOGS), indent=2 if pretty else None))
    assert run("l.json")[0] == 0
    assert count("logs") == 1


def test_json_lines_are_a_request_each(tmp_path: Path) -> None:
    lines = [json.dumps(as_json(logs_request(log(body=f"b{i}")).body, Signal.LOGS)) for i in (1, 2)]
    Path("l.jsonl").write_text("\n".join(lines) + "\n\n")
    code, report = run("l.jsonl")
    assert (code, report["requests"]) == (0, 2)
    assert count("logs") == 2


def test_length_prefixed_protobuf_is_a_request_each() -> None:
    other = traces_request(span(span_id="00000000000000a1")).body
    Path("t.pb").write_bytes(b"".join(struct.pack(">I", len(b)) + b for b in (TRACES, LOGS, other)))
    code, report = run("t.pb")
    assert (code, report["requests"]) == (0, 3)
    assert (count("spans"), count("logs")) == (2, 1)


def test_a_compressed_body_goes_in() -> None:
    Path("t.pb.gz").write_bytes(gzip.compress(TRACES))
    Path("l.json.gz").write_bytes(gzip.compress(json.dumps(as_json(LOGS, Signal.LOGS)).encode()))
    assert run("t.pb.gz", "l.json.gz")[0] == 0
    assert (count("spans"), count("logs")) == (1, 1)


def test_many_requests_in_one_compressed_file_go_in() -> None:
    lines = [json.dumps(as_json(logs_request(log(body=f"b{i}")).body, Signal.LOGS)) for i in (1, 2)]
    Path("l.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    prefixed = b"".join(struct.pack(">I", len(b)) + b for b in (TRACES, LOGS))
    Path("t.pb.gz").write_bytes(gzip.compress(prefixed))
    code, report = run("l.jsonl.gz", "t.pb.gz")
    assert (code, report["requests"]) == (0, 4)
    assert (count("spans"), count("logs")) == (1, 3)


def test_a_compressed_file_that_was_cut_off_gives_what_came_before() -> None:
    bodies = [traces_request(span(span_id=f"{i:016x}")).body for i in range(1, 3000)]
    packed = gzip.compress(b"".join(struct.pack(">I", len(b)) + b for b in bodies))
    Path("t.pb.gz").write_bytes(packed[:-2000])
    code, report = run("t.pb.gz")
    assert code == 1
    assert 0 < report["requests"] < 2999
    assert "cut off" in report["bad"][0]["reason"]
    assert report["bad"][0]["offset_bytes"] > 0


def test_a_marked_request_keeps_its_origin_and_time_and_a_damaged_mark_is_named() -> None:
    mark = Mark(Signal.TRACES, "agent", 1_790_000_000_123_456_789)
    good = mark_protobuf(TRACES, mark)
    bad = good.replace(b'"agent"', b'"adept"')
    Path("t.pb").write_bytes(b"".join(struct.pack(">I", len(b)) + b for b in (good, bad)))
    code, report = run("t.pb")
    assert (code, report["requests"]) == (1, 1)
    assert "mark of spanscore in this request is damaged" in report["bad"][0]["reason"]
    with open_database(Path("i.duckdb")) as connection:
        rows = connection.execute("SELECT origin, received_ns FROM span").fetchall()
    assert rows == [(mark.origin, mark.received_ns)]


def test_a_mark_of_a_clock_that_was_ahead_counts_as_now() -> None:
    mark = Mark(Signal.TRACES, "agent", 2**62)
    Path("t.pb").write_bytes(struct.pack(">I", len(b := mark_protobuf(TRACES, mark))) + b)
    assert run("t.pb")[0] == 0
    with open_database(Path("i.duckdb")) as connection:
        [(received_ns,)] = connection.execute("SELECT received_ns FROM span").fetchall()
    assert received_ns <= time.time_ns()


def test_what_retention_would_remove_is_warned_of() -> None:
    body = mark_protobuf(TRACES, Mark(Signal.TRACES, "agent", 1_700_000_000 * 10**9))
    Path("t.pb").write_bytes(struct.pack(">I", len(body)) + body)
    result = RUNNER.invoke(app, ["import", "t.pb", "--db", "i.duckdb", "--retain", "30d"])
    assert "longer ago than --retain: pin its runs" in result.output


def test_a_second_import_changes_nothing() -> None:
    Path("t.pb").write_bytes(TRACES)
    Path("l.pb").write_bytes(LOGS)
    assert run("t.pb", "l.pb")[0] == 0
    assert run("t.pb", "l.pb")[0] == 0
    assert (count("spans"), count("logs")) == (1, 1)


def test_a_folder_is_read_with_all_below_it() -> None:
    Path("a/b").mkdir(parents=True)
    Path("a/t.pb").write_bytes(TRACES)
    Path("a/b/l.pb").write_bytes(LOGS)
    Path("a/notes.txt").write_text("not telemetry")
    code, report = run("a")
    assert (code, report["files"]) == (0, 2)


def test_a_bad_line_is_named_by_its_byte_offset_and_the_rest_goes_in() -> None:
    first = json.dumps(as_json(LOGS, Signal.LOGS))
    third = json.dumps(as_json(logs_request(log(body="c")).body, Signal.LOGS))
    Path("l.jsonl").write_text(f'{first}\n{{"resourceLogs": 7}}\n{third}\n')
    code, report = run("l.jsonl")
    assert (code, report["requests"]) == (1, 2)
    [bad] = report["bad"]
    assert (bad["file"], bad["offset_bytes"]) == ("l.jsonl", len(first) + 1)
    assert count("logs") == 2


def test_a_file_that_was_cut_off_gives_what_came_before_and_says_where_it_ends() -> None:
    whole = struct.pack(">I", len(TRACES)) + TRACES
    Path("t.pb").write_bytes(whole + whole[:-5])
    code, report = run("t.pb")
    assert (code, report["requests"]) == (1, 1)
    assert report["bad"][0]["offset_bytes"] == len(whole)
    assert "cut off" in report["bad"][0]["reason"]


def test_what_is_no_telemetry_is_named_and_stops_nothing() -> None:
    Path("x.pb").write_bytes(b"\x99not protobuf at all")
    Path("x.json").write_text('{"hello": "world"}')
    Path("empty.json").write_text("")
    Path("t.pb").write_bytes(TRACES)
    code, report = run("x.pb", "x.json", "empty.json", "t.pb")
    assert (code, report["requests"], len(report["bad"])) == (1, 1, 2)


def test_a_path_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        RUNNER.invoke(app, ["import", "nowhere", "--db", "i.duckdb"], catch_exceptions=False)


def test_secrets_in_files_are_masked_before_they_reach_the_disk() -> None:
    Path("t.pb").write_bytes(traces_request(span(note="the-secret-value-42")).body)
    RUNNER.invoke(
        app, ["import", "t.pb", "--db", "i.duckdb", "--mask-values", "the-secret-value-42"]
    )
    with open_database(Path("i.duckdb")) as connection:
        rows = connection.execute("SELECT attributes['note'] FROM spans").fetchall()
    assert rows == [("*" * len("the-secret-value-42"),)]


def test_an_inbox_that_was_moved_aside_gives_back_what_was_not_loaded(tmp_path: Path) -> None:
    with Inbox(tmp_path / "aside.inbox") as inbox:
        inbox.append([traces_request(span(), origin="harness")])
    assert run("aside.inbox")[0] == 0
    with open_database(Path("i.duckdb")) as connection:
        assert connection.execute("SELECT origin FROM spans").fetchall() == [("harness",)]


def test_what_is_damaged_in_an_inbox_is_counted_and_the_exit_code_is_1(tmp_path: Path) -> None:
    path = tmp_path / "aside.inbox"
    with Inbox(path) as inbox:
        inbox.append([traces_request(span(span_id=f"{i:016x}", note=f"<{i}>")) for i in (1, 2, 3)])
    overwrite(path, path.read_bytes().index(b"<2>"), b"<9>")
    code, report = run("aside.inbox")
    assert (code, report["requests"]) == (1, 2)
    assert report["bad"] == [
        {
            "file": "aside.inbox",
            "offset_bytes": 0,
            "reason": "1 requests are damaged or missing; the others went in",
        }
    ]
    assert count("spans") == 2


def test_progress_is_told_within_a_file_and_ends_at_the_size_of_all(tmp_path: Path) -> None:
    line = json.dumps(as_json(TRACES, Signal.TRACES)).encode() + b"\n"
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for file in files:
        file.write_bytes(line * 40)
    told: list[int] = []
    options = ReceiverOptions(tmp_path / "p.inbox", b"key")
    importing = import_files(files, options, progressed=told.append, make_room=lambda: None)
    asyncio.run(importing)
    assert told == sorted(told)
    assert len(told) > 4
    assert told[-1] == sum(file.stat().st_size for file in files)


def test_an_inbox_smaller_than_the_import_is_emptied_on_the_way(tmp_path: Path) -> None:
    bodies = [traces_request(span(span_id=f"{i:016x}", note="n" * 300_000)) for i in range(1, 9)]
    Path("t.pb").write_bytes(b"".join(struct.pack(">I", len(r.body)) + r.body for r in bodies))
    result = RUNNER.invoke(app, ["import", "t.pb", "--db", "i.duckdb", "--inbox-max", "1.5MiB"])
    assert result.exit_code == 0, result.output
    assert count("spans") == 8


def test_the_settings_of_the_file_hold_for_imports_too() -> None:
    Path("spanscore.toml").write_text('db = "named.duckdb"\n')
    Path("t.pb").write_bytes(TRACES)
    assert load().db == Path("named.duckdb")
    assert RUNNER.invoke(app, ["import", "t.pb"]).exit_code == 0
    assert Path("named.duckdb").exists()


def test_what_is_imported_can_be_stored_beside_what_was_received(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(traces_request(span(), origin="open"))
    Path("t.pb").write_bytes(TRACES)
    RUNNER.invoke(app, ["import", "t.pb", "--db", str(tmp_path / "s.duckdb")])
    with stored(tmp_path) as store:
        assert store.ask("SELECT origin FROM spans ORDER BY 1") == [("import",), ("open",)]

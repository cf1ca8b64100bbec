"""`spanscore export` as a user runs it: beside a collector and without, and what goes wrong."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanscore.collector.commands.otlp_import import import_otlp
from spanscore.collector.config import Settings, load
from spanscore.collector.export.errors import ExportError
from tests.support.exports import VIEWS, content, export_to, imported
from tests.support.payloads import requests_of
from tests.support.running_collector import RunningCollector
from tests.support.stored import stored
from tests.support.telemetry import span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, *map(str, words)], capture_output=True, timeout=120, check=False, **options
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector that runs and holds a session of Codex."""
    with RunningCollector(tmp_path_factory.mktemp("running")) as running:
        for sent in requests_of("codex/ok"):
            assert sent.post(running.endpoints.http) == 200
        running.settle()
        yield running


def test_json_lines_go_to_standard_output_and_words_to_standard_error(made: Settings) -> None:
    ran = run("export", "--db", made.db, "--run", "a1")
    assert ran.returncode == 0
    requests = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {request["spanscore"]["origin"] for request in requests} == {"harness"}
    assert all("resourceSpans" in request for request in requests)
    assert b"(run a1) exported" in ran.stderr


def test_csv_has_a_line_a_run(made: Settings) -> None:
    ran = run("export", "--db", made.db, "--format", "csv", "--sweep", "sweep")
    lines = list(csv.DictReader(io.StringIO(ran.stdout.decode())))
    assert len({line["run_id"] for line in lines}) == len(lines) == 8
    assert {line["grade"] for line in lines} <= set("ABCD")
    assert sum(line["pass"] == "1" for line in lines) == 6


def test_the_form_is_what_the_name_ends_in(made: Settings, tmp_path: Path) -> None:
    for name in ("x.pb", "x.csv.gz", "x.jsonl.gz"):
        assert run("export", "--db", made.db, "-o", tmp_path / name).returncode == 0
    assert (tmp_path / "x.pb").read_bytes()[0] == 0
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()).startswith(b"run_id,")
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()).startswith(b'{"spanscore"')


@pytest.mark.parametrize("name", ["all.jsonl", "all.pb"])
def test_through_a_running_collector_the_export_is_the_same_as_of_its_file(
    collector: RunningCollector, tmp_path: Path, name: str
) -> None:
    ran = run("export", "--db", collector.db, "-o", tmp_path / name)
    assert ran.returncode == 0, ran.stderr
    found = content(imported(tmp_path, tmp_path / name).db, VIEWS)
    counts = {view: sum(rows.values()) for view, rows in found.items()}
    for view in VIEWS:
        assert counts[view] == collector.ask(f"SELECT count(*) AS n FROM {view}")[0]["n"]
    assert counts["spans"] > 100


def test_a_bundle_is_made_and_taken_in_while_collectors_run(
    collector: RunningCollector, tmp_path: Path
) -> None:
    ran = run("export", "--db", collector.db, "--bundle", "-o", tmp_path / "bundle")
    assert ran.returncode == 0, ran.stderr
    assert b"sha256 of" in ran.stderr
    before = collector.ask("SELECT count(*) AS n FROM spans")
    ran = run("import", tmp_path / "bundle", "--db", collector.db)
    assert ran.returncode == 0, ran.stdout
    assert b"every view computed anew says the same" in ran.stdout
    collector.settle()
    after = collector.ask("SELECT count(*) AS n FROM spans")
    assert after[0]["n"] == before[0]["n"] + 1, "the marker of settle() alone is new"


def test_of_a_bundle_that_was_touched_nothing_is_imported(
    made: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export_to(made, "bundle", tmp_path / "bundle")
    with (folder / "requests.pb.gz").open("ab") as file:
        file.write(b"more")
    into = made.model_copy(update={"db": tmp_path / "new.duckdb"})
    assert import_otlp(into, [folder], "text") == 1
    told = capsys.readouterr().out
    assert f"{folder / 'requests.pb.gz'}: changed\n" in told
    assert "nothing of it was imported" in told
    assert import_otlp(into, [folder], "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["bundles"][str(folder)]["changed"] == ["requests.pb.gz"]
    assert report["requests"] == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--run", "nope"], 1, "there is no run 'nope'; `spanscore runs` lists"),
        (["--sweep", "nope"], 1, "there is no sweep 'nope'; the newest sweeps are sweep"),
        (["--since", "soon"], 1, "write an age such as 12h or 7d"),
        (["--bundle"], 1, "bundle makes a folder; name it with --output"),
        (["--format", "parquet"], 1, "parquet makes a folder; name it with --output"),
        (["--bundle", "--format", "csv"], 2, "a bundle has its own form"),
        (["-o", "/nowhere/x.jsonl"], 1, "/nowhere is no folder"),
    ],
)
def test_what_is_wrong_is_one_clear_sentence(
    made: Settings, words: list[str], code: int, told: str
) -> None:
    ran = run("export", "--db", made.db, *words)
    assert ran.returncode == code
    assert told in " ".join(ran.stderr.decode().split())
    assert b"Traceback" not in ran.stderr


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = run("export", "--db", tmp_path / "none.duckdb")
    assert ran.returncode == 1
    assert b"none.duckdb does not exist" in ran.stderr
    assert not (tmp_path / "none.duckdb").exists()


def test_a_reader_that_has_had_enough_is_no_error(made: Settings) -> None:
    ran = subprocess.run(
        f"{COMMAND} export --db {made.db} | head -c 10",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert ran.stdout == b'{"spanscor'
    assert b"Broken" not in ran.stderr
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_stopped_leaves_nothing(
    made: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    stopped = subprocess.Popen(
        [COMMAND, "export", "--db", made.db, "-o", tmp_path / "all.jsonl"],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_slow_disk(tmp_path))},
    )
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.glob(".all.jsonl.*.partial")):
        assert time.monotonic() < deadline_s
        assert stopped.poll() is None
        time.sleep(0.02)
    stopped.send_signal(number)
    _, told = stopped.communicate(timeout=60)
    assert stopped.returncode == 128 + number
    assert b"Traceback" not in told
    assert not list(tmp_path.glob("*all.jsonl*"))


def _slow_disk(folder: Path) -> Path:
    """A folder whose sitecustomize makes every fsync take a minute."""
    there = folder / "site"
    there.mkdir()
    (there / "sitecustomize.py").write_text(
        "import os, time\nos.fsync = lambda _: time.sleep(60)\n"
    )
    return there


def test_requests_that_came_large_are_exported_in_parts(tmp_path: Path) -> None:
    spans = [span(span_id=f"{n + 1:016x}", note="n" * 10_000) for n in range(2500)]
    with stored(tmp_path) as store:
        store.put(traces_request(*spans, received_ns=1_790_000_000_000_000_000))
    settings = load(db=tmp_path / "s.duckdb")
    file = export_to(settings, "otlp-json", tmp_path / "all.jsonl")
    lines = file.read_bytes().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) < 20 << 20
    assert content(imported(tmp_path, file).db) == content(settings.db)


def test_nothing_is_exported_as_nothing(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    settings = load(db=tmp_path / "s.duckdb")
    assert export_to(settings, "otlp-json", tmp_path / "x.jsonl").read_bytes() == b""
    folder = export_to(settings, "bundle", tmp_path / "bundle")
    assert import_otlp(settings, [folder], "text") == 0
    with pytest.raises(ExportError, match="exists already"):
        export_to(settings, "bundle", tmp_path / "bundle")

"""`spanscore show` puts one run on a screen, and all of it into JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from spanscore.collector.commands.show import UnknownRunError, show_run
from spanscore.collector.config import Settings, load
from tests.queries.test_bad_input import cycle
from tests.support.harness_run import LIMITED, Run
from tests.support.sessions import session_requests
from tests.support.stored import stored
from tests.support.telemetry import span, traces_request

EVIL = "\x1b[31m\u202eevil"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("show")
    limited = Run("limited", calls=(LIMITED, LIMITED), changes={}, tools=0)
    with stored(folder) as store:
        store.put(*Run("passed-1", verdict="success").requests(), *limited.requests())
        store.put(*Run("passed-2", verdict="success", start_s=60).requests())
        store.put(*session_requests("gemini-cli/ok"))
        store.put(traces_request(*cycle(), resource={"spanscore.run.id": "circle"}))
        crowd = [span(trace="c" * 32, span_id=f"{n:016x}", name=EVIL) for n in range(1, 200)]
        store.put(traces_request(*crowd, resource={"spanscore.run.id": "crowd"}))
    return load(db=folder / "s.duckdb")


def shown(capsys: pytest.CaptureFixture[str], settings: Settings, run: str) -> str:
    show_run(settings, run, "table")
    return capsys.readouterr().out


def test_a_run_is_shown_with_its_identity_scores_time_and_spans(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    screen = shown(capsys, settings, "passed-1")
    facts = ("run passed-1", "agent   agent 1.0", "task    task", "passed, score", "time 26.0 s")
    for part in facts:
        assert part in screen
    names = [line.split("  ")[0].strip() for line in screen.splitlines()]
    assert "cell_run" in names
    assert "█ verify 1.0 s 4%" in screen


def test_the_bar_is_as_long_as_the_parts_of_the_time(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    lines = shown(capsys, settings, "passed-1").splitlines()
    bar = lines[next(i for i, line in enumerate(lines) if line.startswith("time ")) + 1]
    assert bar == "█" * 79


def test_a_failure_is_shown_with_its_proof(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    screen = shown(capsys, settings, "limited")
    assert "provider_rate_limited (provider)" in screen
    assert "http.response.status_code" in screen
    assert "429" in screen


def test_a_bare_agents_session_is_shown_too(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    screen = shown(capsys, settings, "c4df6513")
    assert "gemini-cli" in screen
    assert "no verdict" in screen
    assert "llm_call" in screen


@pytest.mark.parametrize("run", ["circle", "crowd"])
def test_strange_runs_are_shown_without_harm(
    capsys: pytest.CaptureFixture[str], settings: Settings, run: str
) -> None:
    screen = shown(capsys, settings, run)
    assert not any(character in screen for character in "\x1b\u202e")
    assert ("more: spanscore sql" in screen) == (run == "crowd")


def test_json_is_an_array_with_the_run_and_its_spans(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    show_run(settings, "passed-1", "json")
    [told] = json.loads(capsys.readouterr().out)
    assert (told["run_id"], told["pass"], told["failure_class"]) == ("passed-1", 1, None)
    assert told["total_ns"] == 26 * 10**9
    assert len(told["waterfall"]) == told["spans"]


def test_csv_is_one_line(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    show_run(settings, "passed-1", "csv")
    [line] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert line["run_id"] == "passed-1"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("passed", "several runs begin with passed: passed-2, passed-1"),
        ("nobody's", "there is no run nobody's; `spanscore runs` lists them"),
    ],
)
def test_a_run_that_is_not_there_or_not_alone_is_an_error_that_names_what_there_is(
    settings: Settings, run: str, message: str
) -> None:
    with pytest.raises(UnknownRunError, match=message):
        show_run(settings, run, "table")

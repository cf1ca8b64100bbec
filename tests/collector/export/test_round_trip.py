"""What is exported and imported again is the store that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.commands.export import Form
from spanscore.collector.config import Settings, load
from spanscore.collector.export.bundle import REQUESTS
from spanscore.collector.inbox import Request
from spanscore.collector.receiver.origin import ORIGINS
from spanscore.collector.signals import Signal
from spanscore.instrumentation.conventions import Role
from tests.support.exports import content, export_to, import_into, imported, judged
from tests.support.harness_run import GOOD, LIMITED, Run
from tests.support.otlp_strategies import stored_requests
from tests.support.sessions import SESSIONS, session_requests
from tests.support.stored import stored
from tests.support.telemetry import SECOND_NS, START_NS, log, logs_request, metrics_request

FORMS: list[tuple[Form, str]] = [
    ("otlp-json", "all.jsonl"),
    ("otlp-proto", "all.pb"),
    ("otlp-json", "all.jsonl.gz"),
    ("otlp-proto", "all.pb.gz"),
]
SAID_OF_RUNS = (
    "runs",
    "scores",
    "failures",
    "evidence",
    "time_split",
    "model_calls",
    "leaderboard",
)


def made_runs() -> Iterator[Run]:
    yield Run("passed", agent="a", verdict="success")
    yield Run("patched-wrongly", agent="b")
    yield Run("limited", agent="a", calls=(GOOD, LIMITED), changes={}, start_s=60)
    yield Run("half", agent="b", without=frozenset({Role.CELL_RUN, Role.VERIFY}), start_s=90)


def forged(run: Run) -> Run:
    """What an agent that wants to pass sends under the same run."""
    return Run(run.run_id, agent=run.agent, verdict="success", origin="agent")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All captured sessions, and runs of every origin with logs and points of the same times."""
    folder = tmp_path_factory.mktemp("stored")
    with stored(folder) as opened:
        for session in SESSIONS:
            opened.put(*session_requests(session))
        for number, run in enumerate(made_runs()):
            received_ns = START_NS + number * SECOND_NS
            starts = run.starts(Role.CELL_RUN, Role.VERIFY, received_ns=received_ns)
            opened.put(starts, *run.requests(), *forged(run).requests())
        opened.put(
            logs_request(log(), log(), log(body="other"), origin="import", received_ns=7),
            metrics_request("points", 1, 1, 2, origin="harness", received_ns=8),
        )
    return load(db=folder / "s.duckdb")


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_all_payloads_and_runs_come_back_equal(
    store: Settings, tmp_path: Path, form: Form, name: str
) -> None:
    file = export_to(store, form, tmp_path / name)
    assert content(imported(tmp_path, file).db) == content(store.db)


def test_runs_score_the_same_after_an_import(store: Settings, tmp_path: Path) -> None:
    file = export_to(store, "otlp-proto", tmp_path / "all.pb")
    after = judged(imported(tmp_path, file).db, SAID_OF_RUNS)
    assert after == judged(store.db, SAID_OF_RUNS)
    assert any("patched-wrongly" in row and "wrong_patch" in row for row in after["failures"])


def test_an_agents_forgery_is_as_worthless_after_an_import(store: Settings, tmp_path: Path) -> None:
    file = export_to(store, "otlp-json", tmp_path / "one.jsonl", runs=["patched-wrongly"])
    [row] = judged(imported(tmp_path, file).db, ("scores",))["scores"]
    assert "'outcome': fail" in row


@pytest.mark.parametrize("session", [s for s in SESSIONS if s.startswith("codex/")])
def test_a_session_whose_run_is_inferred_comes_back_equal(session: str, tmp_path: Path) -> None:
    with stored(tmp_path) as opened:
        opened.put(*session_requests(session))
    before = load(db=tmp_path / "s.duckdb")
    file = export_to(before, "otlp-json", tmp_path / "one.jsonl")
    assert content(imported(tmp_path, file).db) == content(before.db)


def test_importing_an_export_where_it_came_from_changes_nothing(
    store: Settings, tmp_path: Path
) -> None:
    before = content(store.db)
    assert not import_into(store, export_to(store, "otlp-proto", tmp_path / "all.pb")).bad
    assert content(store.db) == before


def test_a_second_import_and_one_of_a_part_change_nothing(store: Settings, tmp_path: Path) -> None:
    everything = export_to(store, "otlp-proto", tmp_path / "all.pb")
    part = export_to(store, "otlp-json", tmp_path / "part.jsonl", runs=["passed", "limited"])
    after = imported(tmp_path, part, everything, part, everything)
    assert content(after.db) == content(store.db)


def test_a_bundle_holds_the_store_as_it_was(store: Settings, tmp_path: Path) -> None:
    folder = export_to(store, "bundle", tmp_path / "bundle")
    assert content(imported(tmp_path, folder / REQUESTS).db) == content(store.db)


@st.composite
def received(draw: st.DrawFn) -> Request:
    signal = draw(st.sampled_from(list(Signal)))
    body = draw(stored_requests(signal)).SerializeToString()
    received_ns = draw(st.integers(START_NS, START_NS + 3))
    return Request(signal, draw(st.sampled_from(ORIGINS)), received_ns, body)


def in_order(requests: list[Request]) -> list[Request]:
    """As the inbox has them: what came first has the first place and the first time."""
    return sorted(requests, key=lambda request: request.received_ns)


@given(st.lists(received(), min_size=1, max_size=6).map(in_order), st.sampled_from(FORMS))
@settings(max_examples=5)
def test_any_requests_come_back_equal_from_any_form(
    requests: list[Request], named: tuple[Form, str]
) -> None:
    form, name = named
    with TemporaryDirectory() as there:
        folder = Path(there)
        with stored(folder) as opened:
            opened.put(*requests)
        before = load(db=folder / "s.duckdb")
        file = export_to(before, form, folder / name)
        assert content(imported(folder, file).db) == content(before.db)

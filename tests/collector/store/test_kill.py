"""Exactly once, whatever is killed when."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import dying_loader
from tests.support.stored import stored
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

ROOT = Path(dying_loader.__file__).parents[2]
REQUESTS = 6


@pytest.mark.parametrize("statements", range(1, 17, 2))
def test_a_loader_killed_before_any_statement_loses_nothing_and_doubles_nothing(
    tmp_path: Path, statements: int
) -> None:
    with stored(tmp_path) as store:
        for number in range(REQUESTS):
            store.inbox.append(
                [
                    traces_request(span(trace=f"{number + 1:032x}", session__id="s")),
                    logs_request(log(body=f"b{number}")),
                    metrics_request("m", number),
                ]
            )
    command = [sys.executable, "-m", dying_loader.__name__, str(tmp_path), str(statements)]
    code = subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode
    assert code == -signal.SIGKILL, "the loader finished before it was killed"
    with stored(tmp_path) as store:
        store.load()
        for view in ("spans", "logs", "metric_points"):
            assert store.one(f"SELECT count(*) FROM {view}") == REQUESTS, view
        assert store.one("SELECT count(*) FROM trace") == REQUESTS
        assert store.one("SELECT count(*) FROM resource") == 1
        assert store.inbox.depth().requests == 0

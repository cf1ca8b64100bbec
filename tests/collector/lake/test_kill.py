"""Every acknowledged row once in the lake, whatever is killed when."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support import dying_writer
from tests.support.lakes import put, rows, writing
from tests.support.telemetry import (
    START_NS,
    log,
    logs_request,
    metrics_request,
    span,
    traces_request,
)

ROOT = Path(dying_writer.__file__).parents[2]
HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize("events", range(1, 32, 3))
def test_a_writer_killed_at_any_file_loses_nothing_and_doubles_nothing(
    tmp_path: Path, events: int
) -> None:
    for number in range(4):
        put(
            tmp_path,
            traces_request(
                span(span_id=f"{2 * number + 1:016x}"),
                span(span_id=f"{2 * number + 2:016x}", start_ns=START_NS + HOUR_NS),
            ),
            logs_request(log(body=f"b{number}")),
            metrics_request("m", number),
        )
    command = [sys.executable, "-m", dying_writer.__name__, str(tmp_path), str(events)]
    code = subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode
    assert code == -signal.SIGKILL, "the writer finished before it was killed"
    # More has come before it starts again: the batch that was begun must not take it in.
    put(tmp_path, traces_request(span(span_id=f"{99:016x}")))
    with writing(tmp_path) as writer:
        while writer.seal():
            pass
    spans = Counter(row["span_id"] for row in rows(tmp_path / "lake"))
    assert spans == Counter([f"{n:016x}" for n in (*range(1, 9), 99)])
    assert Counter(r["body"] for r in rows(tmp_path / "lake", "logs")) == Counter(
        f"b{n}" for n in range(4)
    )
    assert len(rows(tmp_path / "lake", "metric_points")) == 4

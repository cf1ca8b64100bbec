"""The command line asks Spark about a lake on S3, with the jars that docs/scale.md names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support.lakes import fill
from tests.support.repeated_runs import repeated_runs
from tests.support.s3_server import S3Server

pytestmark = pytest.mark.spark

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_spark_says_of_a_lake_on_s3_what_duckdb_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = re.findall(r"^    (spark\.jars\.\S+  \S+)$", PAGE.read_text(), re.M)
    assert len(settings) == 2
    (tmp_path / "spark-defaults.conf").write_text("\n".join(settings))
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    with S3Server(tmp_path) as server:
        server.make_bucket("sweeps")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        requests = (request for run in repeated_runs() for request in run.requests())
        fill("s3://sweeps/lake", tmp_path / "a", *requests)
        query = (
            "SELECT run_id, count(*) AS n, sum(duration_ns) AS ns FROM spans GROUP BY 1 ORDER BY 1"
        )
        answers = [
            subprocess.run(
                [COMMAND, "sql", query, *where, "s3://sweeps/lake", "--format", "json"],
                capture_output=True, text=True, check=False, timeout=900, env=os.environ,
            )
            for where in (("--db",), ("--engine", "spark", "--lake"))
        ]  # fmt: skip
    expected, found = (json.loads(answer.stdout or "null") for answer in answers)
    assert found == expected, answers[1].stderr
    assert len(found) == len(list(repeated_runs()))

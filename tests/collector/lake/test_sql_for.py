"""`spanscore lake sql-for`: what is pasted elsewhere makes the views there."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from spanscore.queries import catalog
from tests.support.lakes import fill
from tests.support.telemetry import log, logs_request, metrics_request, span, traces_request

COMMAND = Path(sysconfig.get_path("scripts")) / "spanscore"


def printed(engine: str) -> str:
    """What the command prints."""
    asked = subprocess.run(
        [COMMAND, "lake", "sql-for", engine],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


def test_the_statements_for_duckdb_make_the_views_over_the_files_alone(tmp_path: Path) -> None:
    fill(
        tmp_path / "lake",
        tmp_path / "a",
        traces_request(span(session__id="s")),
        logs_request(log()),
        metrics_request("m", 1),
    )
    statements = printed("duckdb").split(";\n\n")
    # Binding all of the views on views takes DuckDB half a minute.
    chosen = statements[: 1 + next(n for n, text in enumerate(statements) if "VIEW prices" in text)]
    assert len(statements) - len(chosen) == len(catalog.builtin())
    with duckdb.connect() as connection:
        for folder in ("spans", "logs", "metric_points"):
            files = f"{tmp_path}/lake/{folder}/*/*/*.parquet"
            connection.execute(f"CREATE VIEW raw_{folder} AS FROM read_parquet('{files}')")
        for statement in chosen:
            connection.execute(statement)
        found = connection.execute("SELECT run_id FROM spans").fetchall()
    assert found == [("s",)]


def test_the_statements_for_spark_are_its_dialect_and_make_the_same_views() -> None:
    statements = sqlglot.parse(printed("spark"), dialect="spark")
    made = [statement.this.name for statement in statements if isinstance(statement, exp.Create)]
    assert len(made) == len(set(made)) == len([each for each in statements if each])
    assert {"spans", "logs", "metric_points", "leaderboard"} <= set(made)

"""Spark reads what compaction keeps of runs, and computes only the runs of later files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanscore.collector.lake.opened import open_lake
from spanscore.queries import catalog
from spanscore.queries.engines import spark as engine
from spanscore.queries.lake.storage import open_storage
from tests.collector.lake.test_compact import compacted
from tests.support.cells import Rows, comparable, same
from tests.support.lakes import fill
from tests.support.repeated_runs import repeated_runs
from tests.support.sessions import SESSIONS, session_requests

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

ASKED = ("tool_calls", "phase_facts")


def on_duckdb(lake: Path, view: str) -> Rows:
    """All rows of a view, by DuckDB."""
    with open_lake(lake, catalog.builtin()) as opened:
        opened.prepare(f"FROM {view}", lambda *_: None)
        return comparable(opened.connection.sql(f"FROM {view}").to_arrow_table())


def on_spark(spark: SparkSession, lake: Path) -> tuple[dict[str, Rows], set[str]]:
    """All rows of the views that are asked for, by Spark, and what it computed on the way."""
    computed = set()

    def keep(name: str, frame: DataFrame) -> DataFrame:
        computed.add(name)
        return engine.checkpoint(name, frame)

    engine.register(spark, str(lake), catalog.builtin(), ASKED, keep)
    return {view: comparable(spark.table(view).toArrow()) for view in ASKED}, computed


def test_runs_that_nothing_new_came_for_are_read_and_the_others_are_computed(
    tmp_path: Path, spark: SparkSession
) -> None:
    lake = tmp_path / "lake"
    requests = [request for run in repeated_runs() for request in run.requests()]
    requests += [request for session in SESSIONS[:3] for request in session_requests(session)]
    fill(lake, tmp_path / "a", *requests[:10], *requests[14:-3])
    compacted(open_storage(lake))
    found, computed = on_spark(spark, lake)
    assert not {name for name in computed if name.startswith(("due_", "stg_"))}
    for view in ASKED:
        assert_same(found[view], on_duckdb(lake, view))
    fill(lake, tmp_path / "b", *requests[8:14], *requests[-3:], collector="b")
    found, computed = on_spark(spark, lake)
    assert {"due_tool_calls", "due_phase_facts"} <= computed
    for view in ASKED:
        assert_same(found[view], on_duckdb(lake, view))


def assert_same(found: Rows, expected: Rows) -> None:
    """Every cell is equal."""
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert all(map(same, row, other)), (row, other)

"""Every view says the same, cell by cell, on DuckDB and on a Spark cluster."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spanscore import queries
from spanscore.collector.lake.opened import open_lake
from spanscore.queries import catalog
from tests.queries.failure_cases import CRASH, PAIRS
from tests.queries.test_leaderboard import _runs
from tests.support.harness_run import Run
from tests.support.lakes import fill
from tests.support.sessions import SESSIONS, session_requests

pytestmark = pytest.mark.spark

VIEWS = ("spans", "logs", "metric_points", *(view.name for view in catalog.builtin()))
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captured sessions, a sweep of made runs, and a run for each failure class.

    Two collectors have them, and a part was sent to both.
    """
    folder = tmp_path_factory.mktemp("parity")
    cases = [case for pair in PAIRS.values() for case in (pair.hit, pair.miss, *pair.others)]
    runs = [*_runs(), *(Run(f"case {n}", **case.run) for n, case in enumerate([*cases, CRASH]))]
    requests = [request for session in SESSIONS for request in session_requests(session)]
    requests += [request for run in runs for request in run.requests()]
    half = len(requests) // 2
    fill(folder / "lake", folder / "a", *requests[: half + 20], collector="a")
    fill(folder / "lake", folder / "b", *requests[half:], collector="b")
    return folder / "lake"


@pytest.fixture(scope="module")
def on_duckdb(lake: Path) -> dict[str, Rows]:
    """All rows of all views."""
    with open_lake(lake, catalog.builtin()) as opened:
        opened.compute_runs(lambda *_: None)
        return {
            view: comparable(opened.connection.sql(f"FROM {view}").to_arrow_table())
            for view in VIEWS
        }


@pytest.fixture(scope="module")
def on_spark(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Rows]]:
    """The same, by a master and two workers."""
    # The tests that need only Python are collected without Spark.
    from pyspark.sql import SparkSession  # noqa: PLC0415

    from tests.support.spark_cluster import spark_cluster  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("spark")
    with spark_cluster(folder) as master:
        session = (
            SparkSession.builder.master(master)
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.executor.memory", "900m")
            .config("spark.local.dir", str(folder))
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        try:
            queries.spark(session, str(lake))
            yield {view: comparable(session.table(view).toArrow()) for view in VIEWS}
        finally:
            session.stop()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_says_the_same_on_spark_as_on_duckdb(
    on_duckdb: dict[str, Rows], on_spark: dict[str, Rows], view: str
) -> None:
    expected, found = on_duckdb[view], on_spark[view]
    assert len(found) == len(expected)
    for row, other in zip(expected, found, strict=True):
        assert all(map(same, row, other)), (row, other)


@pytest.mark.parametrize("view", ["leaderboard", "comparison", "failures", "tool_calls"])
def test_the_lake_has_something_to_say_in_the_views_that_matter(
    on_duckdb: dict[str, Rows], view: str
) -> None:
    assert on_duckdb[view]


def comparable(table: pa.Table) -> Rows:
    """The rows in an order that both engines share, with types that both have."""
    rows = [tuple(map(plain, row.values())) for row in table.to_pylist(maps_as_pydicts="strict")]
    return sorted(rows, key=lambda row: repr([rounded(value) for value in row]))


def plain(value: Any) -> Any:
    """A value without what differs in form only: UTC said or unsaid, the order of a map."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, dict):
        return sorted((key, plain(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def rounded(value: Any) -> Any:
    """For sorting alone: floats that are equal for us must not part two rows."""
    return f"{value:.9e}" if isinstance(value, float) else value


def same(one: Any, other: Any) -> bool:
    """Equal; floats to 1e-12 of their size."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=0.0) or one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)

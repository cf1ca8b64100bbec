"""Every view says the same, cell by cell, on DuckDB and on a Spark cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanscore import queries
from spanscore.collector.lake.opened import open_lake
from spanscore.queries import catalog
from tests.queries.failure_case import CRASH
from tests.queries.failure_cases import PAIRS
from tests.support.cells import Rows, comparable, same
from tests.support.harness_run import Run
from tests.support.lakes import fill
from tests.support.repeated_runs import repeated_runs
from tests.support.sessions import SESSIONS, session_requests

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

VIEWS = ("spans", "logs", "metric_points", *(view.name for view in catalog.builtin()))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captured sessions, a sweep of made runs, and a run for each failure class.

    Two collectors have them, and a part was sent to both.
    """
    folder = tmp_path_factory.mktemp("parity")
    cases = [case for pair in PAIRS.values() for case in (pair.hit, pair.miss, *pair.others)]
    runs = [
        *repeated_runs(),
        *(Run(f"case {n}", **case.run) for n, case in enumerate([*cases, CRASH])),
    ]
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
        opened.prepare(" ".join(VIEWS), lambda *_: None)
        return {
            view: comparable(opened.connection.sql(f"FROM {view}").to_arrow_table())
            for view in VIEWS
        }


@pytest.fixture(scope="module")
def on_spark(lake: Path, spark: SparkSession) -> dict[str, Rows]:
    """The same, by a master and two workers."""
    queries.spark(spark, str(lake))
    return {view: comparable(spark.table(view).toArrow()) for view in VIEWS}


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

"""One Spark cluster for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session on a master and two workers."""
    # The tests that need only Python are collected without Spark.
    from tests.support.spark_cluster import cluster_session  # noqa: PLC0415

    with cluster_session(tmp_path_factory.mktemp("spark")) as session:
        yield session

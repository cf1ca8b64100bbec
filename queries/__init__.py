"""SQL that turns spans into runs, calls, time, failures and scores.

import spanscore.queries

with spanscore.queries.open("spanscore.duckdb") as store:
    store.polars("SELECT agent, model, task, status FROM runs")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

    from .notebook import Answers

__all__ = ["open", "spark"]


def open(path_or_url: str | Path, *, token: str | None = None) -> Answers:
    """Open a store's file or a lake, or ask the collector at a URL, `http://127.0.0.1:4319`.

    A file that a collector holds is asked through that collector. A URL needs the collector's read
    `token`. A lake is a folder or s3://BUCKET/PREFIX, read as of now; the views of runs that a
    question names are computed from its files, once. Raises notebook.OpenError: no such file, no
    store, no lake, no collector, a wrong token.
    """
    from .notebook import open_store  # noqa: PLC0415 - most of the package needs no Arrow

    return open_store(path_or_url, token=token)


def spark(session: SparkSession, lake: str, *, views: Iterable[str] | None = None) -> None:
    """Make the public views of the lake at `lake` temporary views of a Spark session.

    `spans`, `logs` and `metric_points` are read when asked; the views of runs are computed now.
    With `views` only those named there, and what they are made of: `spark(session, lake,
    views=["leaderboard"])`. Needs `spanscore[spark]`. Raises lake.storage.StorageError.
    """
    from .catalog import builtin  # noqa: PLC0415
    from .engines.spark import register  # noqa: PLC0415

    register(session, lake, builtin(), views)

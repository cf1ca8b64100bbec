"""Asks a lake through Spark: a cluster that is there, or one in this process."""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spanscore.queries.catalog import needed
from spanscore.queries.view import View

from ..config import ConfigError, Settings
from ..own_views import views_of
from ..store.query import QueryResult
from .progress import computing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spanscore.queries.engines.spark import Keep

LOCAL = "local[*]"

SHUFFLE_PARTITIONS = 16
"""Spark's 200 cost more than they bring: most views of a lake are small."""

DRIVER_MEMORY = "3g"
"""What plans and, without a cluster, the work itself take; with Spark's 1 GB it dies of them."""


class SparkAskError(Exception):
    """Spark did not answer; the message is its own."""


def ask_spark(settings: Settings, sql: str, master: str | None) -> QueryResult:
    """Run one query, in DuckDB's dialect as everywhere, on the lake of the settings by Spark.

    `master` is a URL such as spark://HOST:7077 (None: in this process). The result is held whole.
    Raises ConfigError, StorageError, CatalogError and SparkAskError.
    """
    lake = settings.lake
    if not lake:
        raise ConfigError("lake: --engine spark reads a lake; name it with --lake URL")
    try:
        import sqlglot  # noqa: PLC0415 - an extra
        from py4j.protocol import Py4JError  # noqa: PLC0415
        from pyspark.errors import PySparkException  # noqa: PLC0415
    except ImportError:
        raise ConfigError("--engine spark needs pip install 'spanscore[spark]'") from None
    from spanscore.queries.engines import spark as engine  # noqa: PLC0415

    views = views_of(settings)
    try:
        statement = engine.transform(sql)
        named = _named(sql, views)
        with _session(master or LOCAL) as session, computing("computing views") as progressed:
            total = len(needed(views, named))
            engine.register(session, lake, views, named, _telling(progressed, total))
            table = _rows(session.sql(statement))
    except sqlglot.errors.SqlglotError as error:
        raise SparkAskError(f"the query cannot be said in Spark's dialect: {error}") from error
    except (PySparkException, Py4JError) as error:
        raise SparkAskError(_explained(str(error))) from error
    return QueryResult(table.schema, table.to_batches())


def _telling(progressed: Callable[[int, int], None], total: int) -> Keep:
    """Computes each view, and says how many are done."""
    done = itertools.count(1)

    def keep(name: str, frame: DataFrame) -> DataFrame:
        kept: DataFrame = frame.localCheckpoint(eager=True)
        number = next(done)
        progressed(number, max(number, total))
        return kept

    return keep


def _rows(frame: DataFrame) -> Any:
    """The result as an Arrow table."""
    with warnings.catch_warnings():
        # PySpark warns of the pandas that it finds, and uses none of it here.
        warnings.simplefilter("ignore", FutureWarning)
        return frame.toArrow()


def _explained(said: str) -> str:
    if "S3AFileSystem" in said:
        return (
            "Spark cannot read S3: it has no jars for it. Name them in spark.jars.packages, as "
            "docs/scale.md shows"
        )
    return f"Spark: {said.strip().splitlines()[0]}"


def _named(sql: str, views: Sequence[View]) -> set[str]:
    words = set(re.findall(r"\w+", sql.lower()))
    return {view.name for view in views if view.name in words}


@contextmanager
def _session(master: str) -> Iterator[SparkSession]:
    """A session of our own, ended with the block."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = (
        SparkSession.builder.master(master)
        .appName("spanscore")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.shuffle.partitions", SHUFFLE_PARTITIONS)
        .config("spark.driver.memory", DRIVER_MEMORY)
    )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        # Where S3 is not AWS's, its buckets seldom have host names of their own.
        builder = builder.config("spark.hadoop.fs.s3a.endpoint", endpoint).config(
            "spark.hadoop.fs.s3a.path.style.access", "true"
        )
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()

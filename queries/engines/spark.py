"""A lake in Spark: the same .sql files, said in Spark's dialect.

sqlglot translates what the two say differently. Beyond that `transform` does what docs/scale.md
lists: each line of it is there because a cell would be another one without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import ErrorLevel, exp

from ..catalog import needed
from ..lake import views as lake_views
from ..lake.snapshot import COMPACTED, FOLDERS, Snapshot, partition, take
from ..lake.storage import Storage, open_storage
from ..view import View

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WIDE = {"stg_spans", "stg_logs", "stg_points"}
"""Views of all columns of all rows: read from the files each time rather than kept in memory."""


class SparkError(Exception):
    """Spark cannot be used; the message says what to do."""


def transform(select: str) -> str:
    """A statement in DuckDB's dialect as Spark says it, with the same result."""
    tree = sqlglot.parse_one(select, dialect="duckdb").transform(_said_by_spark)
    spark: str = tree.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE)
    return spark


def statements(views: Sequence[View]) -> Iterator[tuple[str, str]]:
    """As `lake.views.everything`, in Spark's dialect."""
    for name, select in lake_views.everything(views):
        yield name, transform(select)


def checkpoint(name: str, frame: DataFrame) -> DataFrame:
    """The rows of a view, computed and kept by Spark in memory and on its disks."""
    return frame.localCheckpoint(eager=True)


def register(
    session: SparkSession,
    place: str,
    views: Sequence[View],
    wanted: Iterable[str] | None = None,
    keep: Callable[[str, DataFrame], DataFrame] = checkpoint,
) -> None:
    """Make the public views, and `views`, temporary views of the session over the lake at `place`.

    Of `views` only those in `wanted` and what they are made of (None: all). They are computed now,
    one after the other, and kept by `keep`: views that stand on views that stand on views take
    Spark minutes to plan. The public ones are read when asked. Raises StorageError.
    """
    storage = open_storage(place)
    snapshot = take(storage)
    session.conf.set("spark.sql.session.timeZone", "UTC")
    # A checkpoint would keep constraints on columns that it does not have, and its readers fail.
    session.conf.set("spark.sql.constraintPropagation.enabled", "false")
    for folder in FOLDERS:
        _register_raw(session, f"raw_{folder}", storage, folder, snapshot.names(folder))
        _register_without_twins(session, storage, snapshot, folder)
    for step in (*lake_views.parts(), *lake_views.resolving(), *lake_views.public()):
        _make(session, step.name, step.select, keep if step.is_small else None)
    for view in needed(views, wanted):
        _make(session, view.name, view.select, None if view.name in WIDE else keep)


def _make(
    session: SparkSession,
    name: str,
    select: str,
    keep: Callable[[str, DataFrame], DataFrame] | None,
) -> None:
    frame = session.sql(_transformed(select))
    if keep is not None:
        frame = keep(name, frame)
    frame.createOrReplaceTempView(name)


def _register_raw(
    session: SparkSession, name: str, storage: Storage, folder: str, files: Sequence[str]
) -> None:
    if not files:
        session.sql(transform(lake_views.nothing(folder))).createOrReplaceTempView(name)
        return
    paths = [spark_path(storage.path(file)) for file in files]
    found = session.read.option("mergeSchema", "true").parquet(*paths)
    columns = [
        f"`{column}`" if column in found.columns else f"CAST(NULL AS {_type(kind)}) AS `{column}`"
        for column, kind in lake_views.columns()[folder].items()
    ]
    found.selectExpr(*columns).createOrReplaceTempView(name)


def _register_without_twins(
    session: SparkSession, storage: Storage, snapshot: Snapshot, folder: str
) -> None:
    """As engines/duckdb.py: where compaction left nothing open nothing can be there twice."""
    names = snapshot.names(folder)
    is_open = {partition(n) for n in names if not n.rpartition("/")[2].startswith(COMPACTED)}
    suspects = [name for name in names if partition(name) in is_open]
    source, twin = f"raw_{folder}", f"twin_{folder}"
    _register_raw(session, f"suspect_{folder}", storage, folder, suspects)
    found = session.sql(transform(lake_views.twins(folder, f"suspect_{folder}"))).cache()
    found.createOrReplaceTempView(twin)
    select = f"SELECT * FROM {source}"
    if suspects and not found.isEmpty():
        select = lake_views.without_twins(folder, source, twin)
    session.sql(transform(select)).createOrReplaceTempView(f"lake_{folder}")


def spark_path(path: str) -> str:
    """A file as Hadoop names it: s3a:// for S3, file:// for what lies on a disk."""
    if path.startswith("s3://"):
        return f"s3a://{path.removeprefix('s3://')}"
    return f"file://{path}"


@cache
def _transformed(select: str) -> str:
    return transform(select)


def _type(kind: str) -> str:
    return exp.DataType.build(kind, dialect="duckdb").sql(dialect="spark")


def _said_by_spark(node: Any) -> Any:
    """One node as Spark says it; the reasons are in docs/scale.md."""
    if isinstance(node, exp.Literal) and node.is_number and not node.is_int:
        return exp.cast(node.copy(), "DOUBLE")
    if isinstance(node, exp.PercentileCont):
        return exp.func("PERCENTILE", node.this, node.expression)
    if isinstance(node, exp.Window) and node.args.get("alias"):
        # `OVER w - x` would be read as a window named `w-x`.
        return exp.paren(node, copy=True)
    if isinstance(node, exp.Cast) and _rounds(node):
        return type(node)(this=exp.func("RINT", node.this), to=node.to)
    return node


def _rounds(node: exp.Cast) -> bool:
    """Whether a fraction becomes a whole number: DuckDB rounds, Spark would cut it off."""
    whole = node.to.this in (exp.DataType.Type.BIGINT, exp.DataType.Type.INT)
    inside: Any = node.this
    return whole and isinstance(inside, exp.Mul | exp.Div)

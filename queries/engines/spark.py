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

from ..catalog import BASE_VIEWS, needed, run_by_run
from ..lake import index
from ..lake import views as lake_views
from ..lake.snapshot import COMPACTED, FOLDERS, Snapshot, partition, take
from ..lake.storage import Storage, open_storage
from ..lake.views import Step
from ..view import View

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WIDE = {"stg_spans", "stg_logs", "stg_points"}
"""Views of all columns of all rows: read from the files each time rather than kept in memory."""


Keep = Callable[[str, "DataFrame"], "DataFrame"]
"""Gives a view's rows, computed, for all who read them."""


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
    keep: Keep = checkpoint,
) -> None:
    """Make the public views, and `views`, temporary views of the session over the lake at `place`.

    Of `views` only those in `wanted` and what they are made of (None: all). They are computed now,
    one after the other, and kept by `keep`: views that stand on views that stand on views take
    Spark minutes to plan. What an index of the lake has of them is read instead. The public ones
    are read when asked. Raises StorageError.
    """
    storage = open_storage(place)
    snapshot = take(storage)
    has_index = index.usable(snapshot, views)
    session.conf.set("spark.sql.session.timeZone", "UTC")
    # DuckDB's TIMESTAMP, in an index, is the UTC that Spark's is.
    session.conf.set("spark.sql.parquet.inferTimestampNTZ.enabled", "false")
    # A checkpoint would keep constraints on columns that it does not have, and its readers fail.
    session.conf.set("spark.sql.constraintPropagation.enabled", "false")
    for folder in FOLDERS:
        _register_raw(session, f"raw_{folder}", storage, folder, snapshot.names(folder))
        _register_without_twins(session, storage, snapshot, folder)
    steps: Iterable[Step] = (*lake_views.parts(), *lake_views.resolving())
    if has_index:
        _register_old(session, storage, snapshot, views)
        steps = (*index.resolving(), *index.stale())
    for step in (*steps, *lake_views.public()):
        _make(session, step.name, step.select, keep if step.is_small else None)
    if has_index:
        _make_over_index(session, views, wanted, keep)
        return
    for view in needed(views, wanted):
        _make(session, view.name, view.select, None if view.name in WIDE else keep)


def _register_old(
    session: SparkSession, storage: Storage, snapshot: Snapshot, views: Sequence[View]
) -> None:
    kept = (view.name for view in views if view.is_kept)
    for name in (*index.RESOLVED, *kept):
        frame = session.read.parquet(spark_path(index.path(storage, snapshot, name)))
        frame.createOrReplaceTempView(f"old_{name}")
    for folder in FOLDERS:
        _register_raw(session, f"new_{folder}", storage, folder, snapshot.new(folder))


def _make_over_index(
    session: SparkSession, views: Sequence[View], wanted: Iterable[str] | None, keep: Keep
) -> None:
    """The views: rows of the index, and those of stale runs, which are computed."""
    wanted = None if wanted is None else set(wanted)
    by_run = {view.name for view in run_by_run(views)}
    asked = {view.name for view in needed(views, wanted, through_kept=False)}
    due = _make_due(session)
    for view in needed(views, wanted):
        keep_it = None if view.name in WIDE else keep
        if due and view.name in by_run:
            _make(session, f"due_{view.name}", view.reading_from(due), keep_it)
            due[view.name] = f"due_{view.name}"
        if view.is_kept:
            _make(session, view.name, index.overlay(view, due.get(view.name)), None)
        elif view.name in asked or view.name not in by_run:
            _make(session, view.name, view.select, keep_it)


def _make_due(session: SparkSession) -> dict[str, str]:
    """The records of stale runs; under which names, by view. None if there is no such run."""
    [(runs, first_ns, last_ns)] = session.sql(
        "SELECT count(DISTINCT s.run_id), min(t.window_start_ns), max(t.window_end_ns) "
        "FROM stale AS s LEFT JOIN trace AS t ON t.run_id = s.run_id"
    ).collect()
    if not runs:
        return {}
    for base in BASE_VIEWS:
        select = f"SELECT * FROM {base} WHERE run_id IN (SELECT run_id FROM stale)"
        if base == "spans" and first_ns is not None:
            # As constants: only they let Spark pass over the row groups of other times.
            select += f" AND start_ns BETWEEN {first_ns} AND {last_ns}"
        session.sql(select).createOrReplaceTempView(f"due_{base}")
    return {base: f"due_{base}" for base in BASE_VIEWS}


def _make(
    session: SparkSession,
    name: str,
    select: str,
    keep: Keep | None,
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

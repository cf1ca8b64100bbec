"""Whether every view says the same on DuckDB and on Spark, cell by cell, and how long each takes.

    python -m benchmarks.lake make DIR --runs 2000       a lake of 1 million spans
    python -m benchmarks.parity DIR OUT spark            a master, two workers of one core
    python -m benchmarks.parity DIR OUT duckdb
    python -m benchmarks.parity DIR OUT compare
    python -m benchmarks.parity DIR OUT leaderboard      one question, by Spark, from nothing

Each part may be ended and started again: what is in OUT is not computed anew. Needs Java 17 and
`pip install '.[spark]'`. docs/performance.md holds a run.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
from tests.support.cells import comparable, same

from spanscore.collector.lake.opened import open_lake
from spanscore.collector.lake.progress import computing
from spanscore.queries import catalog
from spanscore.queries.engines import spark as engine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VIEWS = ("spans", "logs", "metric_points", *(view.name for view in catalog.builtin()))


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("lake", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("part", choices=["spark", "duckdb", "compare", "leaderboard"])
    chosen = parser.parse_args()
    lake, out = chosen.lake.absolute(), chosen.out.absolute()
    {"spark": _spark, "duckdb": _duckdb, "compare": _compare, "leaderboard": _leaderboard}[
        chosen.part
    ](lake, out)


@contextmanager
def _session(folder: Path) -> Iterator[SparkSession]:
    """A session on a cluster of its own."""
    from tests.support.spark_cluster import cluster_session  # noqa: PLC0415 - needs Spark

    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder) as work,
        cluster_session(Path(work), executor_memory="3g") as session,
    ):
        yield session


def _leaderboard(lake: Path, out: Path) -> None:
    with _session(out) as session:
        began_s = time.perf_counter()
        engine.register(session, str(lake), catalog.builtin(), ["leaderboard"])
        rows = len(session.table("leaderboard").collect())
        print(f"leaderboard of {rows} rows by Spark: {time.perf_counter() - began_s:.0f} s")


def _spark(lake: Path, out: Path) -> None:
    """Every view into OUT/spark/VIEW."""
    folder = out / "spark"

    def keep(name: str, frame: DataFrame) -> DataFrame:
        target = folder / name
        if not (target / "_SUCCESS").exists():
            shutil.rmtree(target, ignore_errors=True)
            began_s = time.perf_counter()
            frame.write.parquet(str(target))
            print(f"{name} {time.perf_counter() - began_s:.1f} s", flush=True)
        return frame.sparkSession.read.parquet(str(target))

    with _session(out) as session:
        engine.register(session, str(lake), catalog.builtin(), keep=keep)
        for view in VIEWS:
            keep(view, session.table(view))


def _duckdb(lake: Path, out: Path) -> None:
    """Every view into OUT/duckdb/VIEW.parquet."""
    folder = out / "duckdb"
    folder.mkdir(parents=True, exist_ok=True)
    began_s = time.perf_counter()
    with open_lake(lake, catalog.builtin(), memory_limit="4GB") as opened, computing() as progress:
        opened.prepare(" ".join(VIEWS), progress)
        print(f"runs {time.perf_counter() - began_s:.1f} s", flush=True)
        for view in VIEWS:
            began_s = time.perf_counter()
            table = opened.connection.sql(f"FROM {view}").to_arrow_reader(100_000)
            with pq.ParquetWriter(folder / f"{view}.parquet", table.schema) as writer:
                for batch in table:
                    writer.write_batch(batch)
            print(f"{view} {time.perf_counter() - began_s:.1f} s", flush=True)


def _compare(_: Path, out: Path) -> None:
    """Print how many cells of each view differ."""
    print("| view | rows | cells | cells that differ |\n|---|---|---|---|")
    cells = differing = 0
    for view in VIEWS:
        with duckdb.connect(config={"memory_limit": "6GB"}) as connection:
            rows, columns, differ = _differences(connection, out, view)
        cells += rows * columns
        differing += differ
        print(f"| {view} | {rows:,} | {rows * columns:,} | {differ:,} |", flush=True)
    print(f"\n{len(VIEWS)} views, {cells:,} cells, {differing:,} differ")


def _differences(
    connection: duckdb.DuckDBPyConnection, out: Path, view: str
) -> tuple[int, int, int]:
    """Rows, columns, and cells that differ.

    Rows are first told by 64-bit hashes of all their cells; where those of the two engines are not
    the same, by their cells.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW a AS FROM '{out}/duckdb/{view}.parquet'")
    described = connection.execute("DESCRIBE a").fetchall()
    casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind, *_ in described)
    connection.execute(f"CREATE VIEW b AS SELECT {casts} FROM '{out}/spark/{view}/*.parquet'")
    names = ", ".join(f'"{name}"' for name, *_ in described)
    told: list[tuple[Any, ...]] = [
        connection.execute(
            f"SELECT count(*), sum(CAST(hash({names}) AS HUGEINT)) FROM {side}"
        ).fetchall()[0]
        for side in "ab"
    ]
    if told[0] == told[1]:
        return told[0][0], len(described), 0
    only = [
        comparable(connection.sql(f"FROM {one} EXCEPT ALL FROM {other}").to_arrow_table())
        for one, other in ("ab", "ba")
    ]
    differ = abs(len(only[0]) - len(only[1])) * len(described)
    for row, other_row in zip(*only, strict=False):
        differ += sum(not same(*pair) for pair in zip(row, other_row, strict=True))
    return told[0][0], len(described), differ


if __name__ == "__main__":
    main()

"""The SQL that makes the public views of a lake's files, the same for every engine.

It stands on `raw_spans`, `raw_logs` and `raw_metric_points`: the files as they are. `lake_spans`
and so on are the same without what came twice. `trace` tells the run of each trace, and the public
views stand on both.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from spanscore.queries import base
from spanscore.queries.view import View, reading_from

KEY = {
    "spans": ("origin", "trace_id", "span_id"),
    "logs": ("origin", "request_hash"),
    "metric_points": ("origin", "request_hash"),
}
"""What tells that a row is another one sent again: a span has ids, the rest came in a request."""


@dataclass(frozen=True, slots=True)
class Step:
    """A relation of the chain: its name, its SELECT in DuckDB's dialect, and whether it is small.

    A small one has a row a trace or a session, and is worth computing once.
    """

    name: str
    select: str
    is_small: bool


def resolving() -> Iterator[Step]:
    """What tells runs, of `trace_ids` and `session_times`; each after those it reads from."""
    yield Step("instance_run", reading_from(base.select("instance_run"), _IDS), True)
    yield Step("conversation", select("conversation"), True)
    yield Step("conversation_window", base.select("conversation_window"), True)
    yield Step("trace", select("trace"), True)


def public() -> Iterator[Step]:
    """The public views, of what `resolving` made."""
    for name in ("span_joined", "log_joined", "metric_point_joined"):
        yield Step(name, select(name), False)
    for name in base.PUBLIC:
        yield Step(name, base.select(name), False)


def parts() -> Iterator[Step]:
    """What is read of the files to resolve runs: a row a trace, a row a session."""
    yield Step("trace_ids", select("trace_ids"), True)
    yield Step("session_times", select("session_times"), True)


_IDS = {"trace": "trace_ids"}


def twins(folder: str, source: str) -> str:
    """The keys that came more than once in `source`, a SELECT of few rows."""
    keys = ", ".join(KEY[folder])
    if folder == "spans":
        return f"SELECT {keys} FROM {source} GROUP BY {keys} HAVING count(*) > 1"
    return (
        f'SELECT {keys} FROM (SELECT DISTINCT {keys}, inbox, "position" FROM {source}) AS r '
        f"GROUP BY {keys} HAVING count(*) > 1"
    )


def without_twins(folder: str, source: str, twin: str) -> str:
    """The rows of `source`, those of the keys in the relation `twin` once: the first received."""
    on = " AND ".join(f"t.{key} = r.{key}" for key in KEY[folder])
    names = ", ".join(f"r.{name}" for name in column_names(folder))
    if folder == "spans":
        order, rank = 'r.received_ns, r.inbox, r."position", r.start_ns, r.end_ns', "row_number"
    else:
        # All rows of the first of the requests.
        order, rank = 'r.received_ns, r.inbox, r."position"', "dense_rank"
    keys = ", ".join(f"r.{key}" for key in KEY[folder])
    return (
        f"SELECT {names} FROM {source} AS r LEFT JOIN {twin} AS t ON {on} "
        f"WHERE t.origin IS NULL "
        f"UNION ALL SELECT {names} FROM ("
        f"SELECT r.*, {rank}() OVER (PARTITION BY {keys} ORDER BY {order}) AS nth "
        f"FROM {source} AS r JOIN {twin} AS t ON {on}) AS r WHERE r.nth = 1"
    )


def everything(views: Iterable[View]) -> Iterator[tuple[str, str]]:
    """What makes the public views and `views` of `raw_spans` and so on: each name, its SELECT.

    In order, in DuckDB's dialect. Rows that were sent twice are taken out once and for all.
    """
    for folder in KEY:
        source, twin = f"raw_{folder}", f"twin_{folder}"
        yield twin, twins(folder, source)
        yield f"lake_{folder}", without_twins(folder, source, twin)
    for step in (*parts(), *resolving(), *public()):
        yield step.name, step.select
    for view in views:
        yield view.name, view.select


@cache
def columns() -> dict[str, dict[str, str]]:
    """By folder: the columns of a file and their DuckDB types, in order."""
    text = resources.files(__package__).joinpath("columns.tsv").read_text("utf-8")
    found: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        found.setdefault(row["folder"], {})[row["column"]] = row["type"]
    return found


def column_names(folder: str) -> list[str]:
    """The columns of a file, in order; quoted where a name is a word of SQL."""
    return [f'"{name}"' for name in columns()[folder]]


def nothing(folder: str) -> str:
    """A SELECT with the columns of a file and no row."""
    values = ", ".join(
        f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns()[folder].items()
    )
    return f"SELECT {values} WHERE false"


@cache
def select(name: str) -> str:
    """The SELECT of a file in `sql/`."""
    return base.body(resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8"))

"""The views: read from their .sql files, put in order, created in a DuckDB connection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from pathlib import Path

import duckdb

from . import prices
from .view import CatalogError, View, parse

BASE_VIEWS = ("spans", "logs", "metric_points")
"""What the catalog stands on; whoever owns the connection has created them."""


@cache
def builtin() -> tuple[View, ...]:
    """The views that come with spanscore, each after those it reads from."""
    return load()


def load(folders: Sequence[Path] = (), own_prices: Path | None = None) -> tuple[View, ...]:
    """The built-in views and those of the users' folders, each after those it reads from.

    `own_prices` is a CSV file whose models replace those of the price table. Raises CatalogError
    naming the file: no such folder, a header that is incomplete, a name that is taken, views that
    read from each other, a price that is none.
    """
    own = [] if own_prices is None else prices.read(own_prices)
    views = [prices.view(prices.merged(own)), *_shipped()]
    for folder in folders:
        if not folder.is_dir():
            raise CatalogError(f"{folder} is no folder; name one that holds .sql files")
        views += [parse(file, folder.name) for file in sorted(folder.glob("*.sql"))]
    return in_order(views)


def in_order(views: Iterable[View]) -> tuple[View, ...]:
    """The views, each after those it reads from.

    Raises CatalogError on two of a name, on a circle, and on columns that no view lists.
    """
    by_name: dict[str, View] = {}
    for view in views:
        if view.name in by_name or view.name in BASE_VIEWS:
            raise CatalogError(f"there are two views named {view.name}; rename one of the files")
        by_name[view.name] = view
    graph = {name: sorted(view.sources & by_name.keys()) for name, view in by_name.items()}
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise CatalogError(f"these views read from each other: {circle}") from None
    return tuple(_with_columns(by_name[name], by_name) for name in order)


def create_views(
    connection: duckdb.DuckDBPyConnection, views: Sequence[View] | None = None
) -> None:
    """Create the views, anew if they exist, in a connection that has the views of BASE_VIEWS.

    Raises CatalogError naming the view that DuckDB does not accept.
    """
    for view in builtin() if views is None else views:
        try:
            connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.select}")
        except duckdb.ProgrammingError as error:
            raise CatalogError(f"the view {view.name} ({view.layer}): {error}") from error


def create_tables(
    connection: duckdb.DuckDBPyConnection,
    views: Sequence[View] | None = None,
    *,
    prefix: str = "",
    names: Mapping[str, str] | None = None,
) -> None:
    """Compute every view once into a temporary table, each from the tables before it.

    Views that stand on views that stand on views take DuckDB seconds to plan; tables do not. A
    table has the view's name after `prefix`; `names` tells where a view reads what is not among
    `views`. Raises CatalogError naming the view that DuckDB does not accept.
    """
    known = dict(names or {})
    for view in builtin() if views is None else views:
        table = f"{prefix}{view.name}"
        try:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS {view.reading_from(known)}"
            )
        except duckdb.ProgrammingError as error:
            raise CatalogError(f"the view {view.name} ({view.layer}): {error}") from error
        known[view.name] = table


def needed(
    views: Sequence[View], wanted: Iterable[str] | None, *, through_kept: bool = True
) -> list[View]:
    """The views in `wanted` (None: all) and those that they are made of, in order.

    With `through_kept=False` a kept view is there already, and what it is made of is not needed.
    """
    if wanted is None:
        return list(views)
    names = set(wanted)
    chosen = []
    for view in reversed(views):
        if view.name in names:
            chosen.append(view)
            if through_kept or not view.is_kept:
                names |= view.sources
    return chosen[::-1]


def fingerprint(views: Sequence[View]) -> str:
    """What kept rows depend on beside the telemetry: the views as they are written."""
    digest = hashlib.sha256()
    for view in views:
        digest.update(repr((view.name, view.is_kept, view.columns, view.select)).encode())
    return digest.hexdigest()


def run_by_run(views: Sequence[View]) -> tuple[View, ...]:
    """The kept views among `views` and all that they are computed from, in order.

    What reads no base view, such as prices, is left out: it is the same for all runs. Raises
    CatalogError when a kept view depends on more than its own run.
    """
    by_name = {view.name: view for view in views}
    needed: dict[str, View] = {}

    def reads_base(view: View) -> bool:
        found = bool(view.sources & set(BASE_VIEWS))
        for name in sorted(view.sources & by_name.keys()):
            found |= reads_base(by_name[name])
        return found

    def need(view: View) -> None:
        for name in sorted(view.sources & by_name.keys()):
            source = by_name[name]
            if source.name in needed or not reads_base(source):
                continue
            if not source.is_kept and source.layer != "staging":
                raise CatalogError(
                    f"{view.name} is kept by run, and reads {name}, which is not: keep {name} too "
                    "if its rows depend on their own run alone"
                )
            need(source)
        needed[view.name] = view

    for view in views:
        if view.is_kept and view.name not in needed:
            need(view)
    return tuple(needed.values())


def _shipped() -> list[View]:
    root = resources.files(__package__)
    return [
        parse(file, layer)
        for layer in ("staging", "marts")
        for file in sorted(root.joinpath(layer).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]


def _with_columns(view: View, by_name: dict[str, View]) -> View:
    if view.columns_of is None:
        return view
    other = by_name.get(view.columns_of)
    if other is None or not other.columns:
        raise CatalogError(f"{view.name} has the columns of {view.columns_of}, which lists none")
    return replace(view, columns=other.columns)

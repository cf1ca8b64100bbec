"""The commands about a lake: lake status, compact, retain, sql-for."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .config import Settings
from .options import with_settings

lake = typer.Typer(
    name="lake",
    no_args_is_help=True,
    help="Look after a lake: what is in it, small files, what came twice, old days.",
    epilog="**Examples**\n\n"
    "`spanscore lake status --lake s3://bench/lake`\n\n"
    "`spanscore lake compact --lake s3://bench/lake`",
)

Form = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")]


@lake.command(
    epilog="**Examples**\n\n"
    "`spanscore lake status --lake s3://bench/lake`\n\n"
    "`spanscore lake status --lake /mnt/lake --db runs.duckdb` says too what that collector has "
    "not sealed yet."
)
@with_settings("lake", "db")
def status(settings: Settings, output_format: Form = "text") -> None:
    """Say what is in a lake: files, rows and bytes by signal, what waits, and what is missing."""
    from .commands.lake import print_status

    print_status(settings, output_format)


@lake.command(
    epilog="**Examples**\n\n"
    "`spanscore lake compact --lake s3://bench/lake` once, for example every hour by cron.\n\n"
    "`spanscore lake compact --lake /mnt/lake --format json`"
)
@with_settings("lake", "memory", "views", "prices")
def compact(settings: Settings, output_format: Form = "text") -> None:
    """Make small files large, take out what came twice, and keep what the views say of each run.

    Hours that are not over are left alone. Readers see the same answers before, meanwhile and
    after; collectors need not be stopped. What is replaced is removed an hour later.
    """
    from .commands.lake import run_compact

    run_compact(settings, output_format)


@lake.command(
    epilog="**Examples**\n\n"
    "`spanscore lake retain --lake s3://bench/lake --days 90` keeps the last 90 days.\n\n"
    "`spanscore lake retain --lake /mnt/lake --days 30 && spanscore lake compact --lake /mnt/lake`"
)
@with_settings("lake")
def retain(
    settings: Settings,
    days: Annotated[int, typer.Option(min=1, help="How many days are kept, today among them.")],
) -> None:
    """Let go of the days before: they count no more at once, and compaction removes their files.

    Rows whose clock told no time (1970-01-01) stay.
    """
    from .commands.lake import run_retain

    run_retain(settings, days)


@lake.command(
    "sql-for",
    epilog="**Examples**\n\n"
    "`spanscore lake sql-for spark > views.sql` has a statement for each view, in order.\n\n"
    "`spanscore lake sql-for duckdb`",
)
@with_settings("views", "prices")
def sql_for(
    settings: Settings,
    engine: Annotated[Literal["spark", "duckdb"], typer.Argument(help="Whose dialect.")],
) -> None:
    """Print what makes all views, to paste into a warehouse of one's own.

    It stands on `raw_spans`, `raw_logs` and `raw_metric_points`: the Parquet files of each folder.
    """
    from .commands.lake import print_sql

    print_sql(settings, engine)

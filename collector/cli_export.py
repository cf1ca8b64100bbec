"""The command that gives out what was stored: export."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from .config import Settings
from .options import with_settings

commands = typer.Typer()


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore export --run 01a2 -o run.jsonl` writes a run as OTLP, as the OTel Collector's file "
    "exporter does.\n\n"
    "`spanscore export --sweep nightly --format parquet -o nightly` writes a file a view.\n\n"
    "`spanscore export --since 7d --format csv > scores.csv`\n\n"
    "`spanscore export --sweep nightly --bundle -o nightly-bundle` writes what others need to "
    "compute every score anew."
)
@with_settings("db", "memory", "views", "prices")
def export(
    settings: Settings,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="This run, by its id or its beginning; may be repeated."),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="SWEEP", help="The runs of this sweep; may be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Runs of which anything came since: 12h, 7d, 2026-11-01T08:00."
        ),
    ] = None,
    form: Annotated[
        Literal["otlp-json", "otlp-proto", "parquet", "csv"] | None,
        typer.Option(
            "--format",
            help="OTLP as JSON lines or length-prefixed protobuf, Parquet (a folder with a file a "
            "view), or CSV of scores. [default: as the name of the output ends, else otlp-json]",
            show_default=False,
        ),
    ] = None,
    bundle: Annotated[
        bool,
        typer.Option("--bundle", help="Write a folder from which anybody computes every score."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The file or folder to write; standard output if none is named.",
        ),
    ] = None,
) -> None:
    """Export runs, or everything: OTLP, Parquet, CSV of scores, or a bundle that proves itself.

    Works while a collector runs on the file, and when none does. What is written appears whole or
    not at all; a name that ends in .gz is compressed.
    """
    from .commands.export import Wanted
    from .commands.export import export as write

    if bundle and form:
        raise typer.BadParameter("a bundle has its own form; leave --format out")
    wanted = Wanted(
        "bundle" if bundle else form or _form_of(output),
        output,
        runs=run or (),
        sweeps=sweep or (),
        since=since,
    )
    with _ended_by_sigterm():
        write(settings, wanted)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, so that what is not whole is removed; the exit code is 143.

    DuckDB tells of either as the same error, so that the signal must be remembered.
    """
    ended = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ended
        ended = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException as error:
        if ended:
            raise typer.Exit(128 + signal.SIGTERM) from error
        raise


def _form_of(output: Path | None) -> Literal["otlp-json", "otlp-proto", "csv"]:
    """The form that the name of a file tells."""
    name = output.name.removesuffix(".gz") if output else ""
    if name.endswith((".pb", ".binpb")):
        return "otlp-proto"
    return "csv" if name.endswith(".csv") else "otlp-json"

"""The commands about forwarding: forward, forward replay."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .config import Settings
from .options import with_settings

commands = typer.Typer()

forward_app = typer.Typer(
    epilog="**Examples**\n\n"
    "`spanscore forward` shows each destination: state, lag, rate, last error, refusals.\n\n"
    "`spanscore forward --format json --db runs.duckdb`\n\n"
    "`spanscore forward replay phoenix --since 2h` sends the last two hours again.",
)
commands.add_typer(forward_app, name="forward")

Form = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the report.")]


@forward_app.callback(invoke_without_command=True)
@with_settings("db")
def forward(settings: Settings, context: typer.Context, output_format: Form = "text") -> None:
    """Show how forwarding stands: of each destination state, lag, rate, last error and refusals."""
    if context.invoked_subcommand is not None:
        return
    from .commands.forward import show_forwarding

    show_forwarding(settings, output_format)


@forward_app.command(
    epilog="**Examples**\n\n"
    "`spanscore forward replay phoenix --since 2h` sends what came in the last two hours again.\n\n"
    "`spanscore forward replay phoenix --since 2026-11-24T09:00 --until 2026-11-24T12:00`\n\n"
    "`spanscore forward replay tempo+http://127.0.0.1:4318 --since 30d` names a destination that "
    "is not configured."
)
@with_settings("db", "web", "forward", "sql_timeout", "sql_max_rows", "memory", "views", "prices")
def replay(
    settings: Settings,
    destination: Annotated[
        str,
        typer.Argument(
            help="The name of a configured destination, or [PROFILE+]URL.", metavar="DESTINATION"
        ),
    ],
    since: Annotated[
        str, typer.Option(help="An age such as 2h or 7d, or a UTC time.", metavar="TIME")
    ],
    until: Annotated[
        str | None, typer.Option(help="An age or a UTC time; now if left out.", metavar="TIME")
    ] = None,
) -> None:
    """Send history again from the store to one destination, while the collector runs or not.

    What the destination has already it gets again: backends tell spans by their ids. Ctrl-C stops
    it; what was sent stays sent. The exit code is 1 if anything was refused.
    """
    from .commands.forward_replay import run_replay

    raise typer.Exit(run_replay(settings, destination, since, until))

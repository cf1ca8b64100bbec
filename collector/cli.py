"""The command `spanscore`: reads arguments, calls one function, says what went wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import running
from .agent_lines import Endpoints, UnknownAgentError, lines
from .cli_adapters import commands as adapter_commands
from .cli_export import commands as export_commands
from .cli_forward import commands as forward_commands
from .cli_lake import lake
from .cli_run import commands as run_commands
from .cli_runs import Engine, Master, commands
from .cli_tasks import commands as task_commands
from .config import ConfigError, Settings, require_file
from .options import with_settings

app = typer.Typer(
    name="spanscore",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="An OpenTelemetry-native collector for coding-agent runs: spans in, scores out.",
)


app.add_typer(commands)
app.add_typer(lake)
app.add_typer(adapter_commands)
app.add_typer(run_commands)
app.add_typer(task_commands)
app.add_typer(forward_commands)
app.add_typer(export_commands)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    if show_version:
        from importlib.metadata import version

        typer.echo(f"spanscore {version('spanscore')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    epilog="**Examples**\n\n"
    "`spanscore serve` receives on 127.0.0.1:4317 (gRPC) and :4318 (HTTP), into "
    "./spanscore.duckdb.\n\n"
    "`spanscore serve --agent codex` prints the lines for one agent only.\n\n"
    "`spanscore serve --http 0.0.0.0:4318 --token $(openssl rand -hex 16)` lets other machines in."
)
@with_settings(*Settings.model_fields)
def serve(
    settings: Settings,
    agent: Annotated[
        str | None, typer.Option(help="Print the environment lines of this agent only.")
    ] = None,
) -> None:
    """Receive OTLP, store it, answer SQL. Prints what to paste for each agent. Ctrl-C stops it."""
    from .keys import read_token
    from .service import Service

    require_file(settings.db, "serve")
    lines(Endpoints("", ""), agent)  # an agent that is not known is said before anything starts

    def announce(note: running.Running) -> None:
        endpoints = Endpoints(http=note.http, grpc=note.grpc, token=settings.token)
        typer.echo("\n".join(lines(endpoints, agent)) + "\n")
        typer.echo(f"spanscore {note.version} receives")
        typer.echo(f"  OTLP/gRPC  {note.grpc}")
        typer.echo(f"  OTLP/HTTP  {note.http}   (/v1/traces, /v1/logs, /v1/metrics)")
        if note.web:
            typer.echo(f"  SQL        {note.web}   (spanscore sql QUERY --db {settings.db})")
            typer.echo(f"  pages      {note.web}/?token={read_token(settings.db)}")
            typer.echo(f"  into       {settings.db.resolve()}")
        if settings.lake:
            typer.echo(f"  lake       {settings.lake}")
        for to in settings.forward:
            typer.echo(f"  on to      {to.url}   ({to.title}; see spanscore forward)")
        typer.echo("Ctrl-C stops it.")
        sys.stdout.flush()

    raise typer.Exit(Service(settings).run(announce))


@app.command(
    epilog="**Examples**\n\n"
    "`spanscore sql 'SELECT name, count(*) FROM spans GROUP BY name ORDER BY 2 DESC'`\n\n"
    "`spanscore sql \"SELECT attributes['any.key'] FROM spans LIMIT 5\" --format json`\n\n"
    "`echo 'FROM logs LIMIT 5' | spanscore sql -` reads the query from standard input.\n\n"
    "`spanscore sql 'SELECT count(*) FROM runs' --engine spark --lake /mnt/lake` asks by Spark."
)
@with_settings("db", "sql_timeout", "sql_max_rows", "memory", "views", "prices", "lake")
def sql(
    settings: Settings,
    query: Annotated[str, typer.Argument(help="One reading SQL statement; - reads it from stdin.")],
    output_format: Annotated[
        Literal["table", "json", "csv", "arrow", "parquet"],
        typer.Option("--format", help="How to print the result."),
    ] = "table",
    engine: Engine = "duckdb",
    master: Master = None,
) -> None:
    """Ask SQL of the views spans, logs and metric_points, while the collector runs or not."""
    from .answers import ask
    from .output import write_result

    text = sys.stdin.read() if query == "-" else query
    if engine == "spark":
        from .lake.on_spark import ask_spark

        write_result(ask_spark(settings, text, master), output_format, sys.stdout)
    else:
        write_result(ask(settings, text), output_format, sys.stdout)


@app.command(
    "import",
    epilog="**Examples**\n\n"
    "`spanscore import traces.jsonl` takes what the OTel Collector's file exporter writes.\n\n"
    "`spanscore import captured/` takes every .pb, .json, .jsonl and .gz file below a folder.\n\n"
    "`spanscore import nightly-bundle` checks a bundle, says what differs, and takes its runs.\n\n"
    "`spanscore import moved-aside.inbox` takes what is whole in a damaged inbox.\n\n"
    "`spanscore import cells published-cells.json` takes published cell records as runs.",
)
@with_settings("db", "max_request", "inbox_max", "mask_values", "mask_env", "mask_patterns",
               "content", "memory", "retain", "views", "prices")  # fmt: skip
def import_(
    settings: Settings,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATH...")],
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the report.")
    ] = "text",
) -> None:
    """Import OTLP files, exports and bundles. A second import changes nothing.

    Works while a collector runs on the file, and when none does. What cannot be read is named with
    its byte offset, the rest goes in.
    """
    require_file(settings.db, "import")
    if str(paths[0]) == "cells" and not paths[0].exists():
        from .commands.cells_import import import_published_cells

        for file in paths[1:]:
            import_published_cells(settings, file)
        return
    from .commands.otlp_import import import_otlp

    raise typer.Exit(import_otlp(settings, paths, output_format))


@app.command(
    epilog="**Examples**\n\n"
    "`spanscore doctor --db runs.duckdb` looks at everything and says what is wrong.\n\n"
    "`spanscore doctor --compact` gives the space of removed runs back to the disk.\n\n"
    "`spanscore doctor --recompute` computes anew what the views say of every run.",
)
@with_settings("db", "grpc", "http", "web", "inbox_max", "memory", "views", "prices")
def doctor(
    settings: Settings,
    compact: Annotated[
        bool, typer.Option("--compact", help="Rewrite the file without its free space.")
    ] = False,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute the views of every run anew.")
    ] = False,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the findings.")
    ] = "text",
) -> None:
    """Say in plain words what is wrong with ports, files, locks, disk and versions.

    The exit code is 1 if something is wrong.
    """
    from .commands.doctor import run_compact, run_doctor, run_recompute

    require_file(settings.db, "doctor")
    if compact:
        run_compact(settings)
    if recompute:
        run_recompute(settings)
    if not (compact or recompute):
        raise typer.Exit(run_doctor(settings, output_format))


def main() -> None:
    """Run the command line; errors are one clear message and an exit code.

    0: done; 1: it failed, the message says why; 2: the command line or a setting is wrong;
    130: Ctrl-C. Whatever it writes is for its owner alone (mode 0600).
    """
    os.umask(0o077)
    try:
        app()
    except (ConfigError, UnknownAgentError) as error:
        _fail(str(error), 2)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if str(error) == "Query interrupted":  # DuckDB's word for Ctrl-C
            sys.exit(130)
        if not _is_ours(error):
            raise
        _fail(str(error), 1)


def _is_ours(error: Exception) -> bool:
    """Whether an error is meant for the user; others are defects and show their traceback."""
    return type(error).__module__.startswith("spanscore.")


def _fail(message: str, code: int) -> None:
    for line in message.splitlines():
        typer.echo(f"spanscore: {line}", err=True)
    sys.exit(code)

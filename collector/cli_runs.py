"""The commands about runs and scores: runs, show, score, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .config import Settings
from .options import with_settings

commands = typer.Typer()

Engine = Annotated[
    Literal["duckdb", "spark"], typer.Option(help="What computes it; Spark reads a --lake.")
]
Master = Annotated[
    str | None, typer.Option(metavar="URL", help="Spark's master; without it, this process.")
]

_ASKING = ("db", "sql_timeout", "sql_max_rows", "memory", "views", "prices")

Form = Annotated[
    Literal["table", "json", "csv"], typer.Option("--format", help="How to print the result.")
]


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore runs --status running` lists what is at work now.\n\n"
    "`spanscore runs --agent codex --failure provider_rate_limited --format json`\n\n"
    "`spanscore runs --pin RUN` keeps a run whatever its age."
)
@with_settings(*_ASKING)
def runs(
    settings: Settings,
    run: Annotated[str | None, typer.Option(help="The id of a run, or its beginning.")] = None,
    agent: Annotated[str | None, typer.Option(help="Runs of this agent.")] = None,
    model: Annotated[str | None, typer.Option(help="Runs with this model.")] = None,
    task: Annotated[str | None, typer.Option(help="Runs of this task.")] = None,
    sweep: Annotated[str | None, typer.Option(help="Runs of this sweep.")] = None,
    status: Annotated[
        Literal["running", "finished", "interrupted", "unknown"] | None,
        typer.Option(help="Runs that stand so."),
    ] = None,
    failure: Annotated[str | None, typer.Option(help="Runs of this failure class.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    pin: Annotated[str | None, typer.Option(help="Keep this run whatever its age.")] = None,
    unpin: Annotated[str | None, typer.Option(help="Let this run go when its time comes.")] = None,
    output_format: Form = "table",
) -> None:
    """List runs, the newest first, with what became of them; pin one against retention."""
    from .commands.runs import Filters, list_runs
    from .pins import set_pin

    if pin or unpin:
        for run_id, pinned in ((pin, True), (unpin, False)):
            if run_id:
                set_pin(settings, run_id, pinned=pinned)
        return
    filters = Filters(run, agent, model, task, sweep, status, failure)
    list_runs(settings, filters, limit, output_format)


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore show 01a2` shows the run whose id begins so: what it is, its scores, where its "
    "time went, its spans, and why it failed.\n\n"
    "`spanscore show 01a2 --format json`\n\n"
    "`spanscore show 01a2 --html run.html` saves its page as one file that works offline."
)
@with_settings(*_ASKING)
def show(
    settings: Settings,
    run: Annotated[str, typer.Argument(help="The id of a run, or its beginning.")],
    html: Annotated[
        Path | None, typer.Option(help="Save its page in this file instead.", metavar="FILE")
    ] = None,
    output_format: Form = "table",
) -> None:
    """Show one run: identity, scores, time, the waterfall of its spans, the failure's proof."""
    if html:
        from .commands.save_page import save_page

        save_page(settings, run, html)
        return
    from .commands.show import show_run

    show_run(settings, run, output_format)


@commands.command(
    "leaderboard",
    help="Print the leaderboard: `spanscore score` by the name of what it prints.",
    epilog="**Examples**\n\n"
    "`spanscore leaderboard --format csv > leaderboard.csv` has all columns.\n\n"
    "`spanscore leaderboard --engine spark --master spark://HOST:7077 --lake s3://bench/lake`",
)
@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore score` prints the leaderboard: agents and models, their rates and intervals.\n\n"
    "`spanscore score --format csv > leaderboard.csv` has all columns.\n\n"
    "`spanscore score --engine spark --master spark://HOST:7077 --lake s3://bench/lake`"
)
@with_settings(*_ASKING, "lake")
def score(
    settings: Settings,
    output_format: Form = "table",
    engine: Engine = "duckdb",
    master: Master = None,
) -> None:
    """Score agents and models: recorded and valid rates, the composite, time and tokens."""
    from .commands.score import score as print_score
    from .commands.score import score_on_spark

    if engine == "spark":
        score_on_spark(settings, output_format, master)
    else:
        print_score(settings, output_format)


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore compare codex claude-code` compares two agents on the tasks that both ran.\n\n"
    "`spanscore compare model-a model-b --format json` compares two models."
)
@with_settings(*_ASKING)
def compare(
    settings: Settings,
    a: Annotated[str, typer.Argument(help="An agent or a model.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    output_format: Form = "table",
) -> None:
    """Compare two agents, or two models, on the tasks that both ran: McNemar, time, tokens."""
    from .commands.compare import compare_two

    compare_two(settings, a, b, output_format)

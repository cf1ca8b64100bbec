"""The commands about tasks: listing, showing, checking and making them, and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .config import ConfigError, Settings, load
from .options import with_settings

commands = typer.Typer()
tasks = typer.Typer(no_args_is_help=False)
commands.add_typer(
    tasks,
    name="tasks",
    epilog="**Examples**\n\n"
    "`spanscore tasks` lists the tasks that are shipped.\n\n"
    "`spanscore tasks show mutation-intervals` shows one: what is asked, and how it is judged.\n\n"
    "`spanscore tasks check my-task/` says whether a task of your own is right.\n\n"
    "`spanscore tasks make-mutations semver-3.1.2.tar.gz --out semver/` makes tasks of a library.",
)

Form = Annotated[
    Literal["table", "json"], typer.Option("--format", help="How to print the result.")
]
Image = Annotated[
    str | None,
    typer.Option(help="Check in containers of this image; without one on this machine as it is."),
]


@tasks.callback(invoke_without_command=True)
def _list(
    context: typer.Context,
    family: Annotated[str | None, typer.Option(help="Tasks of this family alone.")] = None,
    output_format: Form = "table",
) -> None:
    """List the tasks that are shipped; show, check and make tasks."""
    if context.invoked_subcommand is None:
        from .commands.tasks import list_tasks

        list_tasks(family, output_format)


@tasks.command(
    epilog="**Examples**\n\n"
    "`spanscore tasks show polyglot-shell`\n\n"
    "`spanscore tasks show ./my-task --format json`"
)
def show(
    task: Annotated[str, typer.Argument(help="A shipped task, or a folder with a task.toml.")],
    output_format: Form = "table",
) -> None:
    """Show a task: what is asked, what may change, how it is judged."""
    from spanscore.instrumentation.tasks import TaskError, find

    from .commands.tasks import show_task

    try:
        show_task(find(task), output_format)
    except TaskError as error:
        raise ConfigError(str(error)) from None


@tasks.command(
    epilog="**Examples**\n\n"
    "`spanscore tasks check my-task/` fails unless the untouched workspace does not pass and the "
    "solution does.\n\n"
    "`spanscore tasks check tasks/*/ --image python:3.13` checks several, in containers.\n\n"
    "`spanscore tasks check` checks all that are shipped."
)
def check(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Shipped tasks or folders; all shipped ones unless given.",
            metavar="TASK...",
            show_default=False,
        ),
    ] = None,
    image: Image = None,
    output_format: Form = "table",
) -> None:
    """Check tasks: untouched they must not pass, and with their solution they must.

    The exit code is 1 if one is not right.
    """
    from .commands.tasks import check_tasks

    raise typer.Exit(check_tasks(tasks or [], image, output_format))


@tasks.command(
    "make-mutations",
    epilog="**Examples**\n\n"
    "`pip download --no-deps --no-binary :all: semver` gets a source distribution.\n\n"
    "`spanscore tasks make-mutations semver-3.1.2.tar.gz --out semver/ --count 15`\n\n"
    "`spanscore tasks make-mutations toolz-1.2.0.tar.gz --manifest examples/mutations/toolz.json "
    "--out toolz/` makes the same tasks as somebody else, without running a test.\n\n"
    "`spanscore tasks make-mutations x.tar.gz --out x/ --tests tests/unit` runs some tests only.",
)
def make_mutations(
    sdist: Annotated[Path, typer.Argument(help="A source distribution (.tar.gz) with its tests.")],
    out: Annotated[Path, typer.Option(help="The folder for the tasks and their manifest.")],
    count: Annotated[int, typer.Option(min=1, max=1000, help="At most so many tasks.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed makes the same tasks.")] = 1,
    tests: Annotated[
        list[str] | None,
        typer.Option(help="Given to pytest: a file, a folder or --deselect=TEST; may be repeated."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Make the tasks of this manifest again.")
    ] = None,
    image: Image = None,
) -> None:
    """Make mutation tasks of a library: one token changed, kept if the library's tests notice.

    Runs the library and its tests. Ctrl-C keeps what was made so far.
    """
    from .commands.mutations import make_again, make_anew

    if manifest is not None:
        make_again(sdist, manifest, out)
    else:
        raise typer.Exit(make_anew(sdist, out, count, seed, tests or [], image))


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore demo` needs about ten seconds, and leaves ./spanscore-demo.duckdb.\n\n"
    "`spanscore demo --db /tmp/demo.duckdb --format json`"
)
@with_settings("db")
def demo(
    settings: Settings,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the result.")
    ] = "text",
) -> None:
    """Run a scripted agent three times: a pass, a wrong patch, and a rate limit; show the scores.

    Needs no network, no key and no container. The database is ./spanscore-demo.duckdb unless --db
    or SPANSCORE_DB names another.
    """
    from .commands.demo import run_demo

    if "db" not in settings.model_fields_set:
        settings = load(db="spanscore-demo.duckdb")
    raise typer.Exit(run_demo(settings, output_format))
